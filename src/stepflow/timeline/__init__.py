"""The timeline: the meaning. Output and an exit in, events out, by pure rules."""

from stepflow.timeline.file_parser import FileParser
from stepflow.timeline.options import ParserOptions, options_of, understands
from stepflow.timeline.parser import Parser

__all__ = ["FileParser", "Parser", "ParserOptions", "options_of", "parser_for", "understands"]


def parser_for(options: ParserOptions, *, with_lines: bool = False) -> Parser | FileParser:
    """Of a transcript, or of the file that the options speak of."""
    return FileParser(options.file) if options.file else Parser(options, with_lines=with_lines)

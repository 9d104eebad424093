/** Markdown of a script as HTML that can do nothing: no HTML of its own, links only to the web and to mail, images
 * only from the artifacts of the execution. No inline styles either: the page's policy forbids them. */

import MarkdownIt, { type Token } from "markdown-it";

const SAFE_LINK = /^(?:https?:\/\/|mailto:)/i;

/** `imageOf` gives the address of an image that the text names, or null. */
export function markdownHtml(text: string, imageOf: (name: string) => string | null): string {
  const markdown = new MarkdownIt({ html: false, linkify: true });
  const { escapeHtml } = markdown.utils;
  // Every target passes the parser; what is made of it is decided below, for links and images apart.
  markdown.validateLink = () => true;
  const isDropped: boolean[] = [];
  markdown.renderer.rules.link_open = (tokens, at) => {
    const href = attribute(tokens[at], "href");
    isDropped.push(!SAFE_LINK.test(href));
    return isDropped.at(-1)
      ? "<span>"
      : `<a href="${escapeHtml(href)}" target="_blank" rel="noopener noreferrer nofollow">`;
  };
  markdown.renderer.rules.link_close = () => (isDropped.pop() ? "</span>" : "</a>");
  markdown.renderer.rules.image = (tokens, at) => {
    const token = tokens[at] as Token;
    const source = imageOf(decoded(attribute(token, "src")));
    const words = escapeHtml(token.content);
    return source === null
      ? `<em>${words}</em>`
      : `<img src="${escapeHtml(source)}" alt="${words}" loading="lazy">`;
  };
  for (const tag of ["th", "td"] as const) {
    markdown.renderer.rules[`${tag}_open`] = (tokens, at) => {
      const side = /right|center/.exec(attribute(tokens[at], "style"))?.[0];
      return side ? `<${tag} class="${side}">` : `<${tag}>`;
    };
  }
  return markdown.render(text);
}

function attribute(token: Token | undefined, name: string): string {
  return String(token?.attrGet(name) ?? "");
}

function decoded(source: string): string {
  try {
    return decodeURIComponent(source).replace(/^\.\//, "");
  } catch {
    return source; // a name with a percent sign of its own
  }
}

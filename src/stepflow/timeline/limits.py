"""How much one execution may say. A limit ends in one diagnostic, never in an error."""

STEPS = 10_000
OPEN_STEPS = 1_000
ANNOTATIONS = 1_000
MASKS = 500
METAS = 1_000
META_BYTES = 1024 * 1024
TESTS = 100_000
METRICS = 100_000
OUTPUTS = 1_000
VARIABLES = 1_000
SUMMARIES = 10_000
SUMMARY_BYTES = 1024 * 1024
ARTIFACTS = 10_000
DIAGNOSTICS = 1_000
DEPTH = 64
NAME_BYTES = 1024
MESSAGE_BYTES = 64 * 1024

# How far back nesting can be proven: steps that the next start closed, and steps started since.
SUPERSEDED = 256
SINCE_SUPERSEDED = 1_000

"""What logs are made of where anything may follow anything: a word or two of every dialect."""

from stepflow.timeline import ParserOptions

OPTIONS = ParserOptions(buildkite=True, buildkit=True, sd_daemon=True, systemd=True)
WORDS = (
    b"STEP_START:", b"STEP_COMPLETE:", b"STEP_ERROR:", b"step_start:", b"ARTIFACT:", b"META:",
    b"artifact:", b"STEP_SKIP:", b"STEP_PROGRESS:3/4", b"STEP_METRIC:m:1", b"STEP_MASK:secret",
    b"STEP_PARSE_OFF:t", b"STEP_PARSE_ON:t", b"STEP_EVENT:", b'{"event":"step_end","name":"a"}',
    b"STEP_WARNING:w", b"STEP_SUMMARY:s", b"STEP_OUTPUT:o:v", b"STEP_", b"ST\x1b[1mEP_START:a",
    b"a", b"b", b"a b", b"[id=a]", b"[parent=a]", b"[stop_on_error=true]", b"{x:1}", b" --k=v",
    b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\r", b" ", b":", b'"', b"'", b"+ ", b"\x1b[0m",
    b"::group::g\n", b"::endgroup::\n", b"::error file=a,line=2::",
    b"x::y", b"\xc2\xa0::error::{", b"\x0b::notice::", b"::stop-commands::tok\n",
    b"::tok::\n", b"##[group]", b"##[endgroup]\n", b"::add-mask::secret", b"##vso[task.", b"##",
    b"##vso[task.logdetail id=1;name=a;type=b]", b"##vso[task.logdetail id=1;state=Completed]",
    b"\x1b[0Ksection_start:1:s\r\x1b[0K", b"section_end:3:s\r\x1b[0K", b"section_start:2:t\n",
    b"travis_fold:start:f\r\x1b[0K", b"travis_fold:end:f\n", b"travis_time:end:x:duration=5\n",
    b"##teamcity[blockOpened name='a']", b"##teamcity[blockClosed name='a']", b"##teamcity[",
    b"##teamcity[testStarted name='t' flowId='1']", b"##teamcity[flowStarted flowId='1']",
    b"##teamcity[testFailed name='t' flowId='1']", b"##teamcity[testFinished name='t' flowId='1']",
    b"##teamcity[disableServiceMessages]\n", b"##teamcity[enableServiceMessages]\n",
    b"\x1b]133;A\x07", b"\x1b]133;C\x07", b"\x1b]133;D;1\x07", b"\x1b]633;E;ls\x07",
    b"\x1b]9;4;1;40\x07", b"\r 5%", b"\r 1/4", b'{"level":"warn","msg":"x"}\n',
    b'{"level":"info","msg":"STEP_START:j"}\n', b"TAP version 14\n", b"\nok 1 - a\n", b"not ok\n",
    b"  ---\n  x: 1\n", b"  ...\n", b"# Subtest: s\n", b"    ok\n", b"    1..2\n", b"Bail out! x\n",
    b"\n--- h\n", b"\n+++ h\n", b"^^^ +++\n", b"\n#1 [a] b\n", b"#1 0.5 x\n", b"#1 DONE 0.2s\n",
    b"<3>x\n", b"[FAILED] x\n",
    b"\x1b]0;t\x07", b"\x1b", b"\x00", b"\xff", "é测".encode(), b"[[", b"]]", b"plain text",
    b"\n== a ==\n", b"\n==\n", b"\x1b]133;D;0;open=0;ms=5\x07",
)  # fmt: skip

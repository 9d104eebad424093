import base64
import json
import shlex
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from stepflow import errors
from stepflow.transcript import NO_MASKS, Masks, Transcript, archive, drop_raw, write_masks

# Few letters, so that secrets overlap each other and themselves.
letters = st.binary(min_size=3, max_size=9).map(lambda b: bytes(97 + x % 3 for x in b))
secrets = st.lists(letters, min_size=1, max_size=4)
logs = st.lists(st.one_of(letters, st.sampled_from([b"\n", b"z", b"a", b"ab"])), max_size=60).map(
    b"".join
)
property_test = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def naive(data: bytes, masks: Masks) -> bytes:
    covered = bytearray(data)
    for form in masks._patterns:
        start = data.find(form)
        while start >= 0:
            for k in range(start, start + len(form)):
                if data[k] != ord("\n"):
                    covered[k] = ord("*")
            start = data.find(form, start + 1)
    return bytes(covered)


@property_test
@given(logs, secrets)
def test_exactly_the_bytes_of_secrets_become_stars(data: bytes, values: list[bytes]) -> None:
    masks = Masks(values)
    assert masks.apply(data) == naive(data, masks)


@property_test
@given(logs, secrets, st.data())
def test_no_cutting_into_reads_changes_what_is_masked(
    data: bytes, values: list[bytes], draw: st.DataObject
) -> None:
    masks = Masks(values)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    edges = [0, *cuts, len(data)]
    pieces = [masks.apply(data[a:b], data[:a], data[b:]) for a, b in pairwise(edges)]
    assert b"".join(pieces) == naive(data, masks)


@property_test
@given(logs, secrets, st.integers(1, 40))
def test_every_window_of_a_transcript_is_masked_the_same(
    tmp_path: Path, data: bytes, values: list[bytes], length: int
) -> None:
    masks = Masks(values)
    assume(not masks._begun(data))
    (tmp_path / "log").write_bytes(data)
    with Transcript.open(tmp_path, masks) as transcript:
        read = b"".join(transcript.read(k, length) for k in range(0, len(data), length))
        lines = b"\n".join(line.text for line in transcript.lines(0, 1000))
    assert read == naive(data, masks)
    assert lines == naive(data, masks).removesuffix(b"\n")


@property_test
@given(logs, secrets)
def test_masks_written_into_the_log_are_those_that_were_shown(
    tmp_path: Path, data: bytes, values: list[bytes]
) -> None:
    masks = Masks(values)
    log = tmp_path / "log"
    log.write_bytes(data)
    assert write_masks(log, masks) >= naive(data, masks).count(b"*") - data.count(b"*")
    assert log.read_bytes() == naive(data, masks)
    assert write_masks(log, masks) == 0 or b"*" in b"".join(masks._patterns)


def test_masks_are_written_across_the_windows_of_a_large_log(tmp_path: Path) -> None:
    secret = b"a secret of some length"
    log = tmp_path / "log"
    for shift in range(0, len(secret) + 2, 5):
        data = b"x" * ((1 << 20) - shift) + secret + b"y" * ((1 << 20) - 30) + secret + b"\nend"
        log.write_bytes(data)
        write_masks(log, Masks([secret]))
        assert log.read_bytes() == data.replace(secret, b"*" * len(secret))


def test_a_log_that_is_one_long_run_of_secrets_is_filled(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"abab" * 700_000 + b"\nfree")
    assert write_masks(log, Masks([b"abab"])) == 2_800_000
    assert log.read_bytes() == b"*" * 2_800_000 + b"\nfree"


def test_only_bytes_of_secrets_are_written(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"nothing to hide\n" * 1000)
    before = log.stat().st_mtime_ns
    assert write_masks(log, Masks([b"hunter2"])) == 0
    assert write_masks(log, NO_MASKS) == 0
    assert log.stat().st_mtime_ns == before


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"user:"])
@pytest.mark.parametrize("after", [b"", b"z", b"zz", b":rest"])
def test_base64_of_a_secret_is_masked_wherever_it_lies(before: bytes, after: bytes) -> None:
    secret = b"correct horse battery"
    text = base64.b64encode(before + secret + after)
    masked = Masks([secret]).apply(text)
    assert masked.count(b"*") >= len(secret) * 8 // 6 - 1
    assert len(masked) == len(text)


@pytest.mark.parametrize(
    "escape",
    [
        json.dumps,
        lambda s: json.dumps(s, ensure_ascii=False),
        lambda s: quote(s, safe=""),
        quote,
        lambda s: s.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"),
        shlex.quote,
        lambda s: s.strip('"'),
        lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    ],
)
def test_escaped_forms_of_a_secret_are_masked(escape) -> None:
    secret = '"pä$$ &<w/o\\rd\'"'
    shown = Masks([secret.encode()]).apply(escape(secret).encode())
    assert not any(chunk in shown for chunk in (b"$$", b"w/o", b"rd", b"amp", b"%24"))


def test_each_line_of_a_secret_is_a_secret_and_newlines_stay() -> None:
    masks = Masks([b"-----BEGIN\n  abcdef  \nxy\n-----END\n"])
    assert masks.apply(b"key abcdef -----END xy") == b"key ****** ******** xy"
    whole = b"-----BEGIN\n  abcdef  \nxy\n-----END\n"
    assert masks.apply(whole) == b"**********\n**********\n**\n********\n"


@pytest.mark.parametrize("secret", [b"", b"ab", b"  a  ", "äö".encode(), b"\n\n\n\n"])
def test_a_secret_of_fewer_than_three_characters_is_refused(secret: bytes) -> None:
    with pytest.raises(errors.InvalidRequest, match="at least 3"):
        Masks([b"long enough", secret])


def test_the_beginning_of_a_secret_at_the_end_of_a_growing_log_is_masked(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"token: hunt")
    with Transcript.open(tmp_path, Masks([b"hunter2"])) as transcript:
        assert transcript.lines(0, 1)[0].text == b"token: ****"
        assert transcript.read(0, 9) == b"token: **"
        log.write_bytes(b"token: hunting")
        assert transcript.lines(0, 1)[0].text == b"token: hunting"
        log.write_bytes(b"token: hunter2 ok")
        assert transcript.lines(0, 1)[0].text == b"token: ******* ok"


def test_in_names_a_secret_is_three_stars() -> None:
    masks = Masks([b"hunter2", b"ter2xyz"])
    assert masks.mask_text("Login with hunter2, hunter2xyz ✓") == "Login with ***, *** ✓"
    assert NO_MASKS.mask_text("hunter2") == "hunter2"


def test_masks_are_kept_for_a_restart(tmp_path: Path) -> None:
    assert not Masks.of_file(tmp_path / "masks")
    Masks([b"hunter2", b"\xff\xfe\xfd"]).extended([b"another"]).keep(tmp_path / "masks")
    kept = Masks.of_file(tmp_path / "masks")
    assert kept.secrets == (b"hunter2", b"\xff\xfe\xfd", b"another")
    assert (tmp_path / "masks").stat().st_mode & 0o777 == 0o600


def test_masks_change_no_number_offset_or_archive(tmp_path: Path) -> None:
    data = b"".join(b"%d password=hunter2 end\n" % n for n in range(20_000))
    log = tmp_path / "log"
    log.write_bytes(data)
    masks = Masks([b"hunter2"])
    with Transcript.open(tmp_path, masks) as shown:
        before = shown.lines(12_345, 3)
        write_masks(log, masks)
        archive(tmp_path)
        drop_raw(tmp_path)
    with Transcript.open(tmp_path) as archived:
        assert archived.lines(12_345, 3) == before
        assert archived.read(0, len(data)) == data.replace(b"hunter2", b"*******")

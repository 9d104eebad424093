"""What every engine of the store promises. An engine is a function that opens a fresh store."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepflow import errors, events
from stepflow.model import (
    Artifact,
    Cancellation,
    Cancelled,
    Execution,
    Failed,
    Killed,
    Lost,
    Progress,
    Section,
    Status,
    Step,
    StepStatus,
    Succeeded,
    TestCounts,
    TimedOut,
    artifact_id,
    step_id,
)
from stepflow.store import (
    OutputRow,
    Query,
    Sample,
    Settlement,
    SqliteTuning,
    Store,
    Unit,
    UsualDuration,
    open_sqlite,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
Opened = AbstractAsyncContextManager[Store]


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Store]:
    store = await open_sqlite(folder / "stepflow.db", SqliteTuning())
    try:
        yield store
    finally:
        await store.close()


ENGINES: dict[str, Callable[[Path], Opened]] = {"sqlite": sqlite}
Check = Callable[[Callable[[Store], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=ENGINES)
def check(request: pytest.FixtureRequest, tmp_path: Path) -> Check:
    """Runs a coroutine function against an open store."""

    def run(scenario: Callable[[Store], Coroutine[Any, Any, None]]) -> None:
        async def opened() -> None:
            async with ENGINES[request.param](tmp_path) as store:
                await scenario(store)

        asyncio.run(opened())

    return run


def execution(**facts: Any) -> Execution:
    return Execution(
        **{
            "id": str(uuid.uuid4()),
            "name": "nightly build",
            "command": "make all",
            "created_at": NOON,
            **facts,
        }
    )


def unit(run: Execution, old: int, new: int, *happened: events.AnyEvent, **facts: Any) -> Unit:
    return Unit(
        execution_id=run.id,
        old_offset=old,
        offset=new,
        **{"lines": new, "state": b"state", "at": NOON, "events": list(happened), **facts},
    )


def start(index: int, name: str = "build", **facts: Any) -> events.StepStart:
    return events.StepStart(name=name, kind="step", index=index, **facts)


def end(index: int, status: str = "completed", **facts: Any) -> events.StepEnd:
    return events.StepEnd(name="build", status=status, index=index, **facts)


async def finished(store: Store, outcome: Any = None, **facts: Any) -> Execution:
    run = await store.create(execution(**facts))
    await store.update(run.id, status=Status.RUNNING, started_at=run.created_at)
    after = run.created_at + timedelta(seconds=2)
    settled, _ = await store.settle(run.id, Settlement(outcome=outcome or Succeeded(), at=after))
    return settled


async def total(store: Store, query: Query) -> int | None:
    return await store.count(query, within=timedelta(seconds=10))


def names(found: list[Execution]) -> list[str]:
    return [run.name for run in found]


@given(st.uuids(), st.integers(0, 10**6))
def test_the_id_of_a_step_is_a_uuid5(run_id: uuid.UUID, index: int) -> None:
    assert step_id(str(run_id), index) == str(uuid.uuid5(run_id, f"step/{index}"))


def test_an_execution_comes_back_as_it_was_created(check: Check) -> None:
    async def scenario(store: Store) -> None:
        wanted = execution(
            argv=["make", "all"],
            working_directory="/srv",
            environment={"A": "ä\n"},
            user="ann",
            tags=["x", "y"],
            metadata={"deep": [1, None]},
            timeout=1.5,
            grace=3.0,
            deadline=NOON,
            tty=True,
            stdin=True,
            keep_background=True,
            secret_names=["TOKEN"],
            max_log_bytes=10,
            nesting="flat",
            rerun_of="other",
            outcome=Failed(3),
            cancellation=Cancellation(Cancelled("ann"), NOON),
            diagnostics=["odd"],
            annotation_counts={"error": 2},
            survivors="sleep",
            tail_may_be_missing=True,
            cpu_seconds=0.5,
            memory_peak_bytes=7,
            dialects=["auto", "tap"],
            emulate=["github"],
            sections=[Section("^a", "^b", "title")],
            trace="bash",
            progress=Progress(value=0.5),
            result="failed",
            result_message="no",
            test_counts=TestCounts(total=1, passed=1, expected=2),
            usual_seconds=1.5,
        )
        created = await store.create(wanted)
        assert created.seq > 0
        assert created == msgspec.structs.replace(wanted, seq=created.seq)
        assert await store.execution(wanted.id) == created

    check(scenario)


def test_an_id_is_taken_once(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        with pytest.raises(errors.Conflict):
            await store.create(run)

    check(scenario)


@pytest.mark.parametrize("statuses", [(), (Status.FAILED,), (Status.FAILED, Status.COMPLETED)])
def test_any_offset_begins_where_plain_python_says(
    check: Check, statuses: tuple[Status, ...]
) -> None:
    async def scenario(store: Store) -> None:
        for number in range(30):
            at = NOON + timedelta(hours=5 * (number - number % 3))
            await finished(store, (Succeeded(), Failed(1))[number % 2], created_at=at)
        await store.create(execution(created_at=NOON - timedelta(days=9)))
        whole = (await store.executions(Query(statuses=statuses))).executions
        for since, limit in [(None, 4), (NOON + timedelta(hours=31), 100)]:
            wanted = [run for run in whole if since is None or run.created_at >= since]
            for offset in range(len(wanted) + 2):
                page = await store.executions(
                    Query(statuses=statuses, offset=offset, limit=limit, since=since)
                )
                assert page.executions == wanted[offset : offset + limit]

    check(scenario)


def test_every_write_makes_another_revision_and_reading_none(check: Check) -> None:
    async def scenario(store: Store) -> None:
        seen = [await store.revision()]

        async def is_another() -> bool:
            seen.append(await store.revision())
            return seen[-1] is not None and seen[-1] not in seen[:-1]

        run = await store.create(execution())
        assert await is_another()
        await store.executions(Query())
        await store.execution(run.id)
        assert await store.revision() == seen[-1]
        await store.record(unit(run, 0, 10, start(0)))
        assert await is_another()
        await store.update(run.id, status=Status.RUNNING, started_at=NOON)
        assert await is_another()
        await store.keep_samples({run.id: [Sample(name="process.cpu", value=1.0, at=NOON)]})
        assert await is_another()
        await store.settle(run.id, Settlement(outcome=Succeeded(), at=NOON))
        assert await is_another()
        await store.pin(run.id, pinned=True)
        assert await is_another()
        await store.delete(run.id)
        assert await is_another()
        assert await store.revision() == seen[-1]

    check(scenario)


def test_what_is_unknown_is_not_found(check: Check) -> None:
    async def scenario(store: Store) -> None:
        stranger = execution()
        for asked in (
            store.execution("x"),
            store.artifact("x"),
            store.delete("x"),
            store.delete_artifact("x"),
            store.update("x", name="y"),
            store.record(unit(stranger, 0, 1)),
        ):
            with pytest.raises(errors.NotFound):
                await asked
        assert await store.steps("x") == []

    check(scenario)


def test_a_started_and_ended_step_is_one_row(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        later = NOON + timedelta(seconds=3)
        opened = await store.record(
            unit(run, 0, 10, start(0, log_line=4, params={"stop_on_error": True, "colour": "red"}))
        )
        assert [step.status for step in opened] == [StepStatus.RUNNING]
        (closed,) = await store.record(
            unit(run, 10, 20, end(0, "failed", message="no", exit_code=2, at=later, log_line=9))
        )
        assert closed == Step(
            id=step_id(run.id, 0),
            execution_id=run.id,
            index=0,
            name="build",
            created_at=NOON,
            started_at=NOON,
            completed_at=later,
            status=StepStatus.FAILED,
            error_message="no",
            message="no",
            exit_code=2,
            stop_on_error=True,
            metadata={"colour": "red"},
            first_line=4,
            last_line=9,
        )
        assert await store.steps(run.id) == [closed]

    check(scenario)


def test_the_execution_counts_its_steps(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        await store.record(unit(run, 0, 1, start(0), end(0), start(1), end(1, "failed")))
        await store.record(unit(run, 1, 2, start(2), start(3, parent_index=2), end(3, "skipped")))
        now = await store.execution(run.id)
        assert (now.total_steps, now.completed_steps, now.failed_steps) == (4, 2, 1)
        assert now.current_step_index == 3
        assert now.step_strip == [StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.RUNNING]

    check(scenario)


def test_a_unit_is_recorded_exactly_once(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        once = unit(run, 0, 10, start(0), events.Annotation(level="error", message="bad"))
        await store.record(once)
        with pytest.raises(errors.StaleOwner):
            await store.record(once)
        assert len(await store.steps(run.id)) == 1
        assert (await store.execution(run.id)).annotation_counts == {"error": 1}
        follow = await store.follow_state(run.id)
        assert follow is not None
        assert (follow.offset, follow.lines, follow.state) == (10, 10, b"state")

    check(scenario)


def test_a_stale_owner_writes_nothing(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        with pytest.raises(errors.StaleOwner):
            await store.record(unit(run, 5, 10, start(0)))
        assert await store.steps(run.id) == []
        assert await store.follow_state(run.id) is None

    check(scenario)


def test_only_one_of_many_racing_owners_records(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        outcomes = await asyncio.gather(
            *(store.record(unit(run, 0, 10, start(0))) for _ in range(20)),
            return_exceptions=True,
        )
        stale = [one for one in outcomes if isinstance(one, errors.StaleOwner)]
        assert len(stale) == 19
        assert (await store.execution(run.id)).total_steps == 1

    check(scenario)


def test_a_bad_unit_fails_alone(check: Check) -> None:
    async def scenario(store: Store) -> None:
        runs = [await store.create(execution()) for _ in range(20)]
        units = [unit(run, 0, 1, start(0)) for run in runs]
        units[7] = unit(runs[7], 0, 1, start(0), end(99))
        outcomes = await asyncio.gather(
            *(store.record(one) for one in units), return_exceptions=True
        )
        assert [n for n, one in enumerate(outcomes) if isinstance(one, Exception)] == [7]
        assert await store.steps(runs[7].id) == []
        assert await store.follow_state(runs[7].id) is None
        assert (await store.health()).table_counts["steps"] == 19

    check(scenario)


def test_in_a_mixed_group_each_unit_gets_what_it_deserves(check: Check) -> None:
    async def scenario(store: Store) -> None:
        runs = [await store.create(execution()) for _ in range(12)]
        ended = await finished(store)
        await store.record(unit(runs[1], 0, 5, start(0)))
        units = [unit(run, 0, 1, start(0), end(0)) for run in runs]
        units[2] = unit(runs[2], 0, 1, start(0), end(99))  # no such step
        units[3] = unit(runs[3], 0, 1, start(0, "half a pair: \ud800"))  # no such text
        units[4] = unit(ended, 0, 1, start(0))
        units[5] = unit(execution(), 0, 1, start(0))
        outcomes = await asyncio.gather(
            *(store.record(one) for one in units), return_exceptions=True
        )
        failed = {n: type(one) for n, one in enumerate(outcomes) if isinstance(one, Exception)}
        assert failed == {
            1: errors.StaleOwner,
            2: errors.Conflict,
            3: errors.InvalidRequest,
            4: errors.StaleOwner,
            5: errors.NotFound,
        }
        kept = [n for n, run in enumerate(runs) if await store.steps(run.id)]
        assert kept == [0, 1, 6, 7, 8, 9, 10, 11]
        assert (await store.health()).table_counts["steps"] == 8

    check(scenario)


def test_units_of_one_execution_follow_each_other_in_a_group(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        await asyncio.gather(
            store.record(unit(run, 0, 1, start(0))),
            store.record(unit(run, 1, 2, end(0), start(1))),
            store.record(unit(run, 2, 3, events.StepMove(name="b", index=1, parent_index=0))),
            store.record(unit(run, 3, 4, events.Meta(key="k", value="v", index=0), end(1))),
        )
        first, second = await store.steps(run.id)
        assert (first.status, first.metadata) == (StepStatus.COMPLETED, {"k": "v"})
        assert (second.status, second.parent_index) == (StepStatus.COMPLETED, 0)
        now = await store.execution(run.id)
        assert (now.total_steps, now.completed_steps, now.log_bytes) == (2, 2, 4)
        assert now.step_strip == [StepStatus.COMPLETED]

    check(scenario)


def test_what_a_bad_group_remembered_is_forgotten(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        other = await store.create(execution())
        good = unit(run, 0, 1, start(0))
        bad = unit(other, 0, 1, start(0, "\ud800"))
        for old in range(3):
            outcomes = await asyncio.gather(
                store.record(msgspec.structs.replace(good, old_offset=old, offset=old + 1)),
                store.record(bad),
                return_exceptions=True,
            )
            assert isinstance(outcomes[1], errors.InvalidRequest)
        assert (await store.execution(other.id)).total_steps == 0
        await store.record(unit(other, 0, 1, start(0)))

    check(scenario)


def test_other_writes_between_units_are_seen(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        await store.record(unit(run, 0, 1, start(0), events.Meta(key="a", value="1")))
        await store.update(run.id, metadata={"b": "2"})
        await store.record(unit(run, 1, 2, events.Meta(key="c", value="3")))
        assert (await store.execution(run.id)).metadata == {"b": "2", "c": "3"}
        await store.settle(run.id, Settlement(outcome=Succeeded(), at=NOON))
        with pytest.raises(errors.StaleOwner):
            await store.record(unit(run, 2, 3, start(1)))

    check(scenario)


def test_all_kinds_of_events_find_their_place(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        await store.record(
            unit(
                run,
                0,
                9,
                start(0, params={"estimated_duration": 30}),
                events.Meta(key="owner", value="ann", index=0),
                events.Meta(key="branch", value="main"),
                events.Metric(name="loss", value=0.5, unit="x", step=3),
                events.Output(name="version", value="1.4"),
                events.Output(name="token", value="hush", secret=True),
                events.Progress(value=0.4, message="almost"),
                events.Diagnostic(code="unmatched_end", log_line=2),
                events.StepUpdate(index=0, name="compile"),
                events.Result(status="completed"),
            )
        )
        (step,) = await store.steps(run.id)
        now = await store.execution(run.id)
        assert (step.name, step.estimated_duration) == ("compile", 30.0)
        assert step.metadata == {"owner": "ann"}
        assert now.metadata == {"branch": "main"}
        assert now.progress == Progress(value=0.4, message="almost")
        assert now.result == "completed"
        assert now.diagnostics == ["line 3: unmatched_end"]
        (row,) = await store.diagnostics(run.id)
        assert (row.code, row.log_line) == ("unmatched_end", 2)
        assert await store.outputs(run.id) == [
            OutputRow(name="token", value="***", is_secret=True),
            OutputRow(name="version", value="1.4", is_secret=False),
        ]
        assert await store.metrics(run.id) == [
            Sample(name="loss", value=0.5, at=NOON, unit="x", step=3)
        ]

    check(scenario)


def test_tests_are_counted_and_paged_and_keep_their_details(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        ended = [
            events.TestEnd(name=f"t{n}", status=("passed", "failed")[n % 2], number=n)
            for n in range(5)
        ]
        await store.record(unit(run, 0, 1, events.Plan(total=7), *ended))
        await store.record(unit(run, 1, 2, events.TestDetails(number=3, text="a: 1")))
        counts = (await store.execution(run.id)).test_counts
        assert counts == TestCounts(total=5, passed=3, failed=2, expected=7)
        page = await store.tests(run.id, limit=1, status="failed")
        assert [test.name for test in page.tests] == ["t1"]
        (last,) = (await store.tests(run.id, after=page.next or 0, status="failed")).tests
        assert (last.name, last.details) == ("t3", "a: 1")
        await store.settle(run.id, Settlement(outcome=Succeeded(), at=NOON))
        await store.delete(run.id)
        assert (await store.tests(run.id)).tests == []

    check(scenario)


def test_of_several_results_the_worst_counts(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        for n, status in enumerate(("completed_with_issues", "failed", "completed")):
            result = events.Result(status=status, message=status)
            await store.record(unit(run, n, n + 1, result))
        now = await store.execution(run.id)
        assert (now.result, now.result_message) == ("failed", "failed")

    check(scenario)


def test_summaries_and_variables_are_kept_in_their_order(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        await store.record(
            unit(
                run,
                0,
                1,
                events.Summary(markdown="# one"),
                events.Summary(path="s.md", problem="not there yet"),
                events.Env(name="PATH", prepend="/x"),
                events.Env(name="A", value="1"),
            )
        )
        printed, file = await store.summaries(run.id)
        await store.keep_summary(msgspec.structs.replace(file, markdown="two", problem=None))
        assert [s.markdown for s in await store.summaries(run.id)] == ["# one", "two"]
        assert printed.path is None
        variables = await store.variables(run.id)
        assert [(v.name, v.value, v.is_prepended) for v in variables] == [
            ("PATH", "/x", True),
            ("A", "1", False),
        ]

    check(scenario)


def test_annotations_of_one_step_can_be_asked_for(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        notes = [
            events.Annotation(level="error", message=str(n), index=n % 2 or None) for n in range(4)
        ]
        await store.record(unit(run, 0, 1, start(0), start(1), *notes))
        page = await store.annotations(run.id, step=1)
        assert [note.message for note in page.annotations] == ["1", "3"]

    check(scenario)


def test_the_ids_that_executions_have_are_told_from_others(check: Check) -> None:
    async def scenario(store: Store) -> None:
        first, second = await store.create(execution()), await store.create(execution())
        assert await store.known_ids([first.id, "nobody's", second.id]) == {first.id, second.id}
        assert await store.known_ids([]) == set()

    check(scenario)


def test_what_is_usual_is_the_median_of_the_completed_ones(check: Check) -> None:
    async def scenario(store: Store) -> None:
        for seconds in (1, 2, 30):
            run = await store.create(execution())
            await store.update(run.id, started_at=NOON, status=Status.RUNNING)
            at = NOON + timedelta(seconds=seconds)
            await store.settle(run.id, Settlement(outcome=Succeeded(), at=at))
        assert await store.usual_seconds(run.name) == 2
        assert await store.usual_seconds("another") is None

    check(scenario)


def test_numbers_that_no_column_holds_do_not_stop_a_log(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        huge = 10**30
        await store.record(
            unit(
                run,
                0,
                1,
                start(0, params={"estimated_duration": "soon"}),
                end(0, "failed", exit_code=huge),
                events.Annotation(level="error", message="bad", line=huge, col=-huge),
                events.Metric(name="loss", value=float("nan"), step=huge),
            )
        )
        assert (await store.steps(run.id))[0].exit_code is None
        assert (await store.annotations(run.id)).annotations[0].line is None
        assert await store.metrics(run.id) == []

    check(scenario)


def test_late_nesting_moves_steps_under_their_parent(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        await store.record(unit(run, 0, 1, start(0), end(0), start(1), end(1), start(2)))
        await store.record(
            unit(
                run,
                1,
                2,
                events.StepAdopt(
                    name="a",
                    index=0,
                    children=["b"],
                    child_indexes=[1],
                    status="failed",
                    log_line=8,
                ),
                events.StepMove(name="c", index=2, parent_index=0),
            )
        )
        steps = await store.steps(run.id)
        assert [step.parent_index for step in steps] == [None, 0, 0]
        assert (steps[0].status, steps[0].last_line) == (StepStatus.FAILED, 8)
        now = await store.execution(run.id)
        assert now.step_strip == [StepStatus.FAILED]
        assert (now.completed_steps, now.failed_steps) == (1, 1)

    check(scenario)


def test_artifacts_are_kept_with_the_marker_that_named_them(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        kept = Artifact(
            id=artifact_id(run.id, 0),
            execution_id=run.id,
            name="report",
            created_at=NOON,
            tags=["t"],
            metadata={"a": 1},
            file_size=5,
            line=3,
        )
        await store.record(unit(run, 0, 1, artifacts=[kept]))
        assert await store.artifacts(run.id) == [kept]
        with pytest.raises(errors.StaleOwner):
            await store.record(unit(run, 0, 1, artifacts=[kept]))
        replaced = msgspec.structs.replace(kept, problem="gone")
        await store.keep_artifact(replaced)
        assert await store.artifact(kept.id) == replaced
        assert (await store.artifact_page()).total_count == 1
        assert await store.delete_artifact(kept.id) == replaced
        assert await store.artifacts(run.id) == []

    check(scenario)


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        (Succeeded(), Status.COMPLETED, 0),
        (Failed(4), Status.FAILED, 4),
        (Killed(9), Status.FAILED, 137),
        (TimedOut(3.0), Status.FAILED, None),
        (Cancelled("ann"), Status.CANCELLED, None),
        (Lost("machine rebooted"), Status.FAILED, None),
    ],
)
def test_settling_says_how_it_ended(
    check: Check, outcome: Any, status: Status, code: int | None
) -> None:
    async def scenario(store: Store) -> None:
        settled = await finished(store, outcome)
        assert (settled.status, settled.exit_code, settled.outcome) == (status, code, outcome)
        assert (settled.error_message is None) == isinstance(outcome, Succeeded)
        assert await store.execution(settled.id) == settled

    check(scenario)


def test_settling_closes_open_steps_and_forgets_the_follow_state(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        await store.record(unit(run, 0, 1, start(0), end(0), start(1)))
        settled, closed = await store.settle(
            run.id, Settlement(outcome=Failed(1), at=NOON, log_bytes=100, log_lines=10)
        )
        assert [(step.index, step.status, step.last_line) for step in closed] == [
            (1, StepStatus.FAILED, 9)
        ]
        assert settled.step_strip == [StepStatus.COMPLETED, StepStatus.FAILED]
        assert (settled.failed_steps, settled.log_bytes) == (1, 100)
        assert await store.follow_state(run.id) is None
        assert await store.execution(run.id) == settled

    check(scenario)


def test_an_ended_execution_is_not_written_again(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await finished(store)
        with pytest.raises(errors.Conflict):
            await store.settle(run.id, Settlement(outcome=Failed(1), at=NOON))
        with pytest.raises(errors.Conflict):
            await store.update(run.id, name="other")
        with pytest.raises(errors.StaleOwner):
            await store.record(unit(run, 0, 1, start(0)))
        assert await store.execution(run.id) == run

    check(scenario)


def test_the_intent_to_cancel_is_kept(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        intent = Cancellation(Cancelled("ann"), NOON)
        changed = await store.update(run.id, cancellation=intent, deadline=NOON)
        assert changed.cancellation == intent
        assert await store.execution(run.id) == changed

    check(scenario)


def test_deleting_leaves_nothing_behind(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution(tags=["t"], user="ann"))
        with pytest.raises(errors.Conflict):
            await store.delete(run.id)
        await store.record(
            unit(run, 0, 1, start(0), events.Annotation(level="error", message="bad"))
        )
        await store.keep_samples({run.id: [Sample(name="process.count", value=1.0, at=NOON)]})
        await store.settle(run.id, Settlement(outcome=Succeeded(), at=NOON))
        await store.delete(run.id)
        assert set((await store.health()).table_counts.values()) == {0}
        assert (await store.statistics(NOON)).total_executions == 0
        for query in (Query(), Query(text="nightly"), Query(tag="t"), Query(user="ann")):
            page = await store.executions(query)
            assert (page.executions, await total(store, query)) == ([], 0)
        assert await store.metrics(run.id) == []

    check(scenario)


def test_pages_are_newest_first_and_meet_end_to_end(check: Check) -> None:
    async def scenario(store: Store) -> None:
        for number in range(7):
            await store.create(execution(name=str(number)))
        first = await store.executions(Query(limit=3))
        second = await store.executions(Query(limit=3, cursor=first.next))
        third = await store.executions(Query(limit=3, cursor=second.next))
        assert names(first.executions) == ["6", "5", "4"]
        assert names(second.executions) == ["3", "2", "1"]
        assert names(third.executions) == ["0"]
        assert (await total(store, Query(limit=3)), third.next) == (7, None)
        assert names((await store.executions(Query(limit=2, offset=5))).executions) == ["1", "0"]

    check(scenario)


FILTERS = st.builds(
    Query,
    limit=st.integers(1, 4),
    statuses=st.lists(st.sampled_from(list(Status)), max_size=3).map(tuple),
    user=st.sampled_from([None, "ann", "bob"]),
    tag=st.sampled_from([None, "red", "blue"]),
    name=st.sampled_from([None, "deploy", "test"]),
    text=st.sampled_from([None, "dep", "deploy blue", "exit", "ann"]),
    since=st.sampled_from([None, NOON + timedelta(minutes=50), NOON + timedelta(minutes=190)]),
    until=st.sampled_from([None, NOON + timedelta(minutes=150), NOON + timedelta(minutes=260)]),
)


def matches(query: Query, run: Execution) -> bool:
    words = f"{run.name} {run.command} {' '.join(run.tags)} {run.error_message} {run.user}".split()
    return (
        (not query.statuses or run.status in query.statuses)
        and query.user in (None, run.user)
        and (query.tag is None or query.tag in run.tags)
        and query.name in (None, run.name)
        and (query.since is None or run.created_at >= query.since)
        and (query.until is None or run.created_at < query.until)
        and all(
            any(word.startswith(prefix) for word in words) for prefix in (query.text or "").split()
        )
    )


def test_any_filters_walked_by_cursor_give_what_plain_python_gives(check: Check) -> None:
    async def scenario(store: Store) -> None:
        everything = []
        for number in range(24):
            facts: dict[str, Any] = {
                "name": ("deploy", "test", "lint")[number % 3],
                "user": (None, "ann", "bob")[number % 5 % 3],
                "tags": [["red"], ["blue", "red"], []][number % 4 % 3],
                "created_at": NOON + timedelta(minutes=17 * number),
            }
            if number % 4 == 3:
                everything.append(await store.create(execution(**facts)))
            else:
                ends = (Succeeded(), Failed(1), Cancelled("ann"))
                everything.append(await finished(store, ends[number % 3], **facts))
        everything.reverse()
        loop = asyncio.get_running_loop()

        async def walked(query: Query) -> tuple[list[str], int | None]:
            found: list[str] = []
            while True:
                page = await store.executions(query)
                found += [run.id for run in page.executions]
                if page.next is None:
                    return found, await total(store, query)
                query = msgspec.structs.replace(query, cursor=page.next)

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(FILTERS)
        def agrees(query: Query) -> None:
            expected = [run.id for run in everything if matches(query, run)]
            asked = asyncio.run_coroutine_threadsafe(walked(query), loop).result(20)
            assert asked == (expected, len(expected))

        await asyncio.to_thread(agrees)

    check(scenario)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (Query(limit=0), "limit"),
        (Query(limit=1001), "limit"),
        (Query(offset=-1), "offset"),
        (Query(offset=2**70), "offset"),
        (Query(cursor="nonsense!"), "cursor"),
        (Query(cursor="é"), "cursor"),
        (Query(cursor="W10"), "cursor"),
        (Query(cursor="Wy0xXQ"), "cursor"),
        (Query(text="\ud800"), "text"),
    ],
)
def test_a_bad_request_names_its_field(check: Check, query: Query, field: str) -> None:
    async def scenario(store: Store) -> None:
        await store.create(execution())
        with pytest.raises(errors.InvalidRequest) as caught:
            await store.executions(query)
        assert caught.value.field == field

    check(scenario)


def test_whatever_people_search_for_is_never_a_syntax_error(check: Check) -> None:
    async def scenario(store: Store) -> None:
        await store.create(execution(name='say "hi" AND NOT (this*)'))
        loop = asyncio.get_running_loop()

        @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.text(
                alphabet=st.one_of(
                    st.sampled_from('"*()^:-+ANDORT{}\\\0 '),
                    st.characters(exclude_categories=["Cs"]),
                )
            )
        )
        def asks(text: str) -> None:
            asked = store.executions(Query(text=text))
            asyncio.run_coroutine_threadsafe(asked, loop).result(20)

        await asyncio.to_thread(asks)
        for text in ('"hi"', "AND NOT", "thi*", "(this", "SAY hi"):
            assert await total(store, Query(text=text)) == 1

    check(scenario)


def test_search_finds_why_an_execution_failed(check: Check) -> None:
    async def scenario(store: Store) -> None:
        await finished(store, Failed(42), name="first")
        await finished(store, Succeeded(), name="second", user="Müller")
        assert names((await store.executions(Query(text="code 42"))).executions) == ["first"]
        assert names((await store.executions(Query(text="muller"))).executions) == ["second"]

    check(scenario)


def test_changed_tags_and_names_are_found_as_they_are_now(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution(tags=["old", "old"], name="before"))
        await store.update(run.id, tags=["new"], name="after")
        for gone in (Query(tag="old"), Query(text="before"), Query(name="before")):
            assert await total(store, gone) == 0
        for there in (Query(tag="new"), Query(text="after"), Query(name="after")):
            assert await total(store, there) == 1

    check(scenario)


def test_statistics_tell_what_happened(check: Check) -> None:
    async def scenario(store: Store) -> None:
        await finished(store, Succeeded(), created_at=NOON - timedelta(days=3))
        await finished(store, Succeeded())
        await finished(store, Failed(1), created_at=NOON - timedelta(hours=23, minutes=50))
        await finished(store, Failed(1), created_at=NOON - timedelta(hours=24, minutes=10))
        await store.create(execution())
        figures = await store.statistics(NOON + timedelta(minutes=1))
        assert figures.total_executions == 5
        assert figures.by_status == {"completed": 2, "failed": 2, "pending": 1}
        assert (figures.success_rate, figures.avg_duration) == (0.5, 2.0)
        assert figures.last_24h == {"completed": 1, "failed": 1, "pending": 1}
        assert len(figures.per_day) == 30
        assert (figures.per_day[-1].day, figures.per_day[-1].completed) == ("2026-03-01", 1)
        assert (figures.per_day[-2].failed, figures.per_day[-4].completed) == (2, 1)

    check(scenario)


def test_unfinished_are_oldest_first(check: Check) -> None:
    async def scenario(store: Store) -> None:
        first = await store.create(execution())
        await finished(store)
        second = await store.create(execution())
        running = await store.update(first.id, status=Status.RUNNING, started_at=NOON)
        assert await store.unfinished() == [running, second]

    check(scenario)


def test_the_old_are_found_by_their_end(check: Check) -> None:
    async def scenario(store: Store) -> None:
        old = await finished(store, created_at=NOON - timedelta(days=40))
        await finished(store)
        assert await store.finished_before(NOON - timedelta(days=30), 10) == [old.id]

    check(scenario)


def test_annotations_page_in_order_and_by_level(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        remarks = [
            events.Annotation(level=("error", "warning")[n % 2], message=str(n), log_line=n)
            for n in range(5)
        ]
        await store.record(unit(run, 0, 1, *remarks))
        first = await store.annotations(run.id, limit=3)
        assert [one.message for one in first.annotations] == ["0", "1", "2"]
        assert first.next is not None
        rest = await store.annotations(run.id, limit=3, after=first.next)
        assert ([one.message for one in rest.annotations], rest.next) == (["3", "4"], None)
        warnings = await store.annotations(run.id, level="warning")
        assert [one.log_line for one in warnings.annotations] == [1, 3]

    check(scenario)


def test_more_rows_than_the_loop_fetches_all_come(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        await store.record(unit(run, 0, 1, *(start(index) for index in range(500))))
        steps = await store.steps(run.id)
        assert [step.index for step in steps] == list(range(500))
        assert len((await store.execution(run.id)).step_strip) == 50
        values = [Sample(name="process.count", value=float(n), at=NOON) for n in range(300)]
        await store.keep_samples({"nobody": values, run.id: values})
        assert await store.metrics(run.id, "process.count") == values

    check(scenario)


def test_imported_rows_are_kept_as_given(check: Check) -> None:
    async def scenario(store: Store) -> None:
        given_run = execution(status=Status.COMPLETED, started_at=NOON, completed_at=NOON)
        kept = await store.keep_execution(given_run)
        again = await store.keep_execution(msgspec.structs.replace(given_run, name="renamed"))
        assert again.seq == kept.seq
        step = Step(
            id=str(uuid.uuid4()),
            execution_id=kept.id,
            index=0,
            name="s",
            created_at=NOON,
            status=StepStatus.COMPLETED,
        )
        assert await store.keep_step(step) == step
        assert await store.steps(kept.id) == [step]
        with pytest.raises(errors.NotFound):
            await store.keep_step(msgspec.structs.replace(step, execution_id="x"))
        assert await total(store, Query(name="renamed")) == 1

    check(scenario)


def test_a_closed_store_says_so(check: Check) -> None:
    async def scenario(store: Store) -> None:
        run = await store.create(execution())
        await store.close()
        with pytest.raises(errors.Unavailable):
            await store.execution(run.id)
        with pytest.raises(errors.Unavailable):
            await store.update(run.id, name="x")

    check(scenario)


async def timed(store: Store, seconds: float, **facts: Any) -> Execution:
    """A finished execution with a step inside of another, each of these seconds."""
    run = execution(
        name="build",
        status=Status.COMPLETED,
        started_at=NOON,
        completed_at=NOON + timedelta(seconds=seconds),
    )
    await store.keep_execution(msgspec.structs.replace(run, **facts))
    for index, parent in ((0, None), (1, 0)):
        await store.keep_step(
            Step(
                id=step_id(run.id, index),
                execution_id=run.id,
                index=index,
                parent_index=parent,
                name=("all", "compile")[index],
                created_at=NOON,
                started_at=NOON,
                completed_at=NOON + timedelta(seconds=seconds),
                status=StepStatus.COMPLETED,
            )
        )
    return run


def test_what_is_usual_is_measured_on_the_last_twenty_of_the_name(check: Check) -> None:
    async def scenario(store: Store) -> None:
        for number in range(30):
            at = NOON + timedelta(hours=number)
            await timed(store, number, created_at=at)
            await timed(store, 10_000, created_at=at, name="other")
        usual = await store.usual("build", but="")
        assert usual.executions == 20
        assert usual.duration == UsualDuration(19, 28, 20)
        assert usual.step_count == 2
        assert [each.path for each in usual.steps] == [["all"], ["all", "compile"]]
        assert usual.steps[1].duration == UsualDuration(19, 28, 20)

    check(scenario)


def test_what_broke_or_is_asked_about_is_not_usual(check: Check) -> None:
    async def scenario(store: Store) -> None:
        await timed(store, 10)
        await timed(store, 1, status=Status.FAILED)
        await timed(store, 1, status=Status.CANCELLED)
        asked = await timed(store, 99)
        usual = await store.usual("build", but=asked.id)
        assert usual.executions == 2
        assert usual.duration == UsualDuration(10, 10, 1)
        assert (await store.usual("never ran", but="")).duration is None

    check(scenario)

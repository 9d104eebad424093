/** Everything that the page of one execution shows, kept current. */

import { isError } from "../pure/landing";
import { words } from "../words/words";
import { announcer } from "./announcer.svelte";
import { api, Problem } from "./api";
import { Meanwhile } from "./meanwhile";
import type {
  Annotation,
  Artifact,
  Diagnostic,
  Execution,
  ServerMessage,
  Step,
  Usual,
} from "./model";
import { socket } from "./socket.svelte";
import { Transcript } from "./transcript.svelte";

const MAX_ANNOTATIONS = 1000;
/** Steps may change by the thousand: they are taken over in batches, so the page draws them once. */
const BATCH_MS = 50;

export class ExecutionView {
  readonly id: string;
  readonly transcript: Transcript;
  execution: Execution | null = $state.raw(null);
  steps: Step[] = $state.raw([]);
  artifacts: Artifact[] = $state.raw([]);
  annotations: Annotation[] = $state.raw([]);
  diagnostics: Diagnostic[] = $state.raw([]);
  usual: Usual | null = $state.raw(null);
  problem: { status: number; text: string } | null = $state.raw(null);
  isDeleted = $state(false);
  readonly #meanwhile = new Meanwhile<ServerMessage>();
  // Nobody draws it; it is emptied into `steps`.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  readonly #news = new Map<number, Step>();
  #batch = 0;

  constructor(id: string) {
    this.id = id;
    this.transcript = new Transcript(id);
  }

  /** Load, then follow the news until the returned function is called. */
  watch(): () => void {
    let stopSubscription = (): void => undefined;
    let isStopped = false;
    const stopListening = socket.listen((message) => this.#heard(message));
    const stopCatchUp = socket.onCatchUp(() => this.#catchUp());
    void this.#load().then(() => {
      if (isStopped || this.problem) return;
      void this.#loadUsual();
      stopSubscription = socket.subscribe(this.id, () => this.transcript.cursor);
    });
    return () => {
      isStopped = true;
      stopListening();
      stopCatchUp();
      stopSubscription();
      this.transcript.close();
    };
  }

  async #load(): Promise<void> {
    for (;;) {
      try {
        return await Promise.all([this.#refresh(), this.transcript.open()]).then(() => undefined);
      } catch (error) {
        if (error instanceof Problem && error.status !== 401) {
          this.problem = { status: error.status, text: error.message };
          return;
        }
        await new Promise((resolve) => window.setTimeout(resolve, 1000));
      }
    }
  }

  async #loadUsual(): Promise<void> {
    try {
      this.usual = await api.usual(this.id);
    } catch {
      // It only adorns the page; the connection state says that the server is away.
    }
  }

  async #catchUp(): Promise<void> {
    if (!this.execution) return;
    await Promise.all([this.#refresh(), this.transcript.catchUp()]);
  }

  async #refresh(): Promise<void> {
    await this.#meanwhile.reading(
      () => api.execution(this.id),
      (detail) => {
        this.execution = detail.execution;
        this.steps = detail.steps;
        this.artifacts = detail.artifacts;
        this.annotations = detail.annotations;
        this.diagnostics = detail.diagnostics;
      },
      (message) => this.#update(message),
    );
  }

  #heard(message: ServerMessage): void {
    if (message.type === "log") {
      if (message.data.execution_id === this.id) this.transcript.accept(message.data);
      return;
    }
    this.#meanwhile.heard(message);
    this.#update(message);
  }

  #update(message: ServerMessage): void {
    switch (message.type) {
      case "execution_update":
        if (message.data.id === this.id) this.#updateExecution(message.data);
        break;
      case "step_update":
        if (message.data.execution_id === this.id) this.#updateStep(message.data.step);
        break;
      case "artifact_update":
        if (message.data.execution_id === this.id) this.#updateArtifact(message.data.artifact);
        break;
      case "annotation":
        if (message.data.execution_id === this.id) this.#annotate(message.data.annotation);
        break;
      case "log_complete":
        if (message.data.execution_id === this.id) {
          this.transcript.complete(message.data.line_count, message.data.size_bytes);
        }
        break;
      case "execution_deleted":
        if (message.data.execution_id === this.id) this.isDeleted = true;
        break;
    }
  }

  #updateExecution(execution: Execution): void {
    const before = this.execution?.status;
    this.execution = execution;
    if (before && before !== execution.status) {
      announcer.say(words.announced.execution(execution.name, words.status[execution.status]));
      // News may be left out for who reads slowly: what stays on the page is read once more.
      if (execution.completed_at) void this.#refresh().catch(() => undefined);
    }
  }

  #updateStep(step: Step): void {
    this.#news.set(step.index, step);
    this.#batch ||= window.setTimeout(() => this.#takeSteps(), BATCH_MS);
  }

  #takeSteps(): void {
    this.#batch = 0;
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- it lives as long as this call
    const places = new Map(this.steps.map(({ index }, at) => [index, at]));
    const steps = [...this.steps];
    for (const step of this.#news.values()) {
      const at = places.get(step.index);
      const before = at === undefined ? undefined : steps[at]?.status;
      if (at === undefined) steps.push(step);
      else steps[at] = step;
      if (before !== step.status) {
        announcer.say(words.announced.step(step.name, words.stepStatus[step.status]));
      }
    }
    this.#news.clear();
    this.steps = steps;
  }

  #updateArtifact(artifact: Artifact): void {
    const at = this.artifacts.findIndex(({ id }) => id === artifact.id);
    this.artifacts = at >= 0 ? this.artifacts.with(at, artifact) : [...this.artifacts, artifact];
  }

  #annotate(annotation: Annotation): void {
    if (this.annotations.length >= MAX_ANNOTATIONS) return;
    const isKnown = this.annotations.some(
      (known) => known.log_line === annotation.log_line && known.message === annotation.message,
    );
    if (isKnown) return;
    this.annotations = [...this.annotations, annotation];
    if (isError(annotation)) announcer.say(words.announced.error(annotation.message));
  }
}

export interface Watched {
  view: ExecutionView;
  stop: () => void;
}

/** Watched since before the code of its page was there. */
let ahead: Watched | null = null;

export function watchAhead(id: string): void {
  ahead = watched(id);
}

/** The view of an execution, which follows the news until it is stopped. */
export function watched(id: string): Watched {
  const taken = ahead;
  ahead = null;
  if (taken?.view.id === id) return taken;
  taken?.stop();
  const view = new ExecutionView(id);
  return { view, stop: view.watch() };
}

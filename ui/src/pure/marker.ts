/** Which lines are instructions to us and are shown as something better than their text.
 * The server alone decides what a marker means; here a miss costs nothing but looks. */

import { plainText } from "./ansi";

export type Marker =
  | { kind: "start" | "complete" | "error"; text: string }
  | { kind: "artifact"; path: string; description: string }
  | { kind: "meta"; key: string; value: string };

const STEP = /^\s*STEP_(START|COMPLETE|ERROR):\s*(.*)$/;
const ARTIFACT = /^\s*(?:STEP_)?ARTIFACT:(.+)$/;
const META = /^\s*(?:STEP_)?META:([^:\s][^:]*):(.*)$/;

export function markerOf(raw: string): Marker | null {
  if (!/(?:STEP_|ARTIFACT:|META:)/.test(raw)) return null;
  const line = plainText(raw);
  const step = STEP.exec(line);
  if (step) {
    const kind = (step[1] ?? "").toLowerCase() as "start" | "complete" | "error";
    return { kind, text: step[2] ?? "" };
  }
  const artifact = ARTIFACT.exec(line);
  if (artifact) return artifactOf(artifact[1] ?? "");
  const meta = META.exec(line);
  if (meta) return { kind: "meta", key: (meta[1] ?? "").trim(), value: (meta[2] ?? "").trim() };
  return null;
}

function artifactOf(rest: string): Marker {
  const url = /^\s*([a-z][a-z0-9+.-]+:\/\/[^\s:]+(?::\d+)?[^\s:]*)(?::(.*))?$/i.exec(rest);
  const cut = url ? null : /^([^:]+)(?::(.*))?$/.exec(rest);
  const [, path = rest, description = ""] = url ?? cut ?? [];
  return { kind: "artifact", path: path.trim(), description: description.trim() };
}

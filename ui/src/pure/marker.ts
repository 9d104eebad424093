/** Which lines are instructions to us and are shown as something better than their text.
 * The server alone decides what a marker means; here a miss costs nothing but looks. */

import { plainText } from "./ansi";

export type Level = "error" | "warning" | "notice" | "debug";

export type Marker =
  | { kind: "start" | "complete" | "error"; text: string }
  | { kind: "artifact"; path: string; description: string }
  | { kind: "meta"; key: string; value: string }
  | { kind: "remark"; level: Level; text: string; place: string }
  /** Says nothing to a person. */
  | { kind: "control" };

const SIGN = /STEP_|ARTIFACT:|META:|::|##|section_|travis_/;
// Within a line that is redrawn: GitLab's sections end in a CR and an erasure.

const STEERING = /\x1b\[[0-9;?]*[A-Za-z]/g;

const STEP = /^\s*STEP_(START|COMPLETE|END|ERROR|SKIP):\s*(.*)$/;
const OWN_REMARK = /^\s*STEP_(WARNING|NOTICE):\s*(.*?)(?:\s*\[((?:\w+=[^\]]*))\])?$/;
const OWN_CONTROL =
  /^\s*STEP_(?:(?:PROGRESS|METRIC|SUMMARY|SUMMARY_FILE|OUTPUT|MASK|EVENT):|PARSE_O(?:FF|N)\b)/;
const ARTIFACT = /^\s*(?:STEP_)?ARTIFACT:(.+)$/;
const META = /^\s*(?:STEP_)?META:([^:\s][^:]*):(.*)$/;
const GITHUB = /^\s*::([a-z][a-z-]*)(?:\s+([^:]*))?::(.*)$/i;
const FORMATTED = /^\s*##\[(group|endgroup|error|warning|notice|debug)\](.*)$/i;
const AZURE = /^\s*##vso\[([a-z.]+)\s*([^\]]*)\](.*)$/i;
const TEAMCITY = /^\s*##teamcity\[(\w+)\s*(.*)\]\s*$/;
const EDGE =
  /(?:section_|travis_(?:fold|(time)):)(start|end):(?:\d+:)?([^\s[\]]+)(?:\[[^\]\r]*\])?[\r\s]*/g;

const GITHUB_CONTROL = new Set([
  "add-mask",
  "add-matcher",
  "remove-matcher",
  "add-path",
  "set-env",
  "set-output",
  "save-state",
  "stop-commands",
  "echo",
]);

export function markerOf(raw: string): Marker | null {
  if (!SIGN.test(raw)) return null;
  const line = plainText(raw);
  return own(line) ?? github(line) ?? azure(line) ?? teamcity(line) ?? folded(raw);
}

function own(line: string): Marker | null {
  const step = STEP.exec(line);
  if (step) {
    const kinds: Record<string, "start" | "complete" | "error"> = {
      START: "start",
      ERROR: "error",
    };
    return { kind: kinds[step[1] ?? ""] ?? "complete", text: step[2] ?? "" };
  }
  const remark = OWN_REMARK.exec(line);
  if (remark) {
    const [, level = "", text = "", properties = ""] = remark;
    return remarked(level, text, properties);
  }
  if (OWN_CONTROL.test(line)) return { kind: "control" };
  const artifact = ARTIFACT.exec(line);
  if (artifact) return artifactOf(artifact[1] ?? "");
  const meta = META.exec(line);
  if (meta) return { kind: "meta", key: (meta[1] ?? "").trim(), value: (meta[2] ?? "").trim() };
  return null;
}

function github(line: string): Marker | null {
  const command = GITHUB.exec(line);
  const formatted = command ? null : FORMATTED.exec(line);
  const name = (command?.[1] ?? formatted?.[1] ?? "").toLowerCase();
  const text = unescaped(command?.[3] ?? formatted?.[2] ?? "");
  if (name === "group") return { kind: "start", text };
  if (name === "endgroup") return { kind: "complete", text: "" };
  if (isLevel(name)) return remarked(name, text, unescaped(command?.[2] ?? ""));
  return GITHUB_CONTROL.has(name) ? { kind: "control" } : null;
}

function azure(line: string): Marker | null {
  const command = AZURE.exec(line);
  if (!command) return null;
  const [, name = "", properties = "", text = ""] = command;
  if (name.toLowerCase() !== "task.logissue") return { kind: "control" };
  const level = property(properties, "type");
  return remarked(
    isLevel(level) ? level : "error",
    text,
    properties.replaceAll("sourcepath=", "file="),
  );
}

function teamcity(line: string): Marker | null {
  const message = TEAMCITY.exec(line);
  if (!message) return null;
  const [, name = "", attributes = ""] = message;
  const said = (key: string): string =>
    (new RegExp(`\\b${key}='((?:[^'|]|\\|.)*)'`).exec(attributes)?.[1] ?? "").replace(
      /\|(0x[0-9a-f]{4}|.)/gi,
      (_, escape: string) => (escape.startsWith("0x") ? "" : ({ n: " ", r: "" }[escape] ?? escape)),
    );
  if (name === "blockOpened") return { kind: "start", text: said("name") };
  if (name === "blockClosed") return { kind: "complete", text: "" };
  if (name === "buildProblem") return remarked("error", said("description"), "");
  const level = { ERROR: "error", FAILURE: "error", WARNING: "warning" }[said("status")];
  if (name === "message" && level) return remarked(level, said("text"), "");
  return { kind: "control" };
}

/** GitLab's sections and Travis's folds: they stand before a CR, which `plainText` looks behind. */
function folded(raw: string): Marker | null {
  const line = raw.replace(STEERING, "").trimStart();
  const edges = [...line.matchAll(EDGE)];
  if (edges[0]?.index !== 0) return null;
  const [, , side, name = ""] = edges.findLast(([, isTime]) => !isTime) ?? [];
  if (side === "start") return { kind: "start", text: name };
  // What follows on the same line is output like any other.
  if (line.replace(EDGE, "").trim() !== "") return null;
  return side === "end" ? { kind: "complete", text: "" } : { kind: "control" };
}

function remarked(level: string, text: string, properties: string): Marker {
  const file = property(properties, "file");
  const line = property(properties, "line") || property(properties, "linenumber");
  const place = file && line ? `${file}:${line}` : file;
  return { kind: "remark", level: level.toLowerCase() as Level, text: text.trim(), place };
}

function property(properties: string, name: string): string {
  const found = new RegExp(`(?:^|[,;\\s])${name}="?([^,;"]*)`, "i").exec(properties);
  return (found?.[1] ?? "").trim();
}

function isLevel(name: string): name is Level {
  return ["error", "warning", "notice", "debug"].includes(name);
}

function unescaped(text: string): string {
  const signs: Record<string, string> = { "0A": " ", "0D": "", "3A": ":", "2C": ",", "25": "%" };
  return text.replace(/%(0A|0D|3A|2C|25)/gi, (_, code: string) => signs[code.toUpperCase()] ?? "");
}

function artifactOf(rest: string): Marker {
  const url = /^\s*([a-z][a-z0-9+.-]+:\/\/[^\s:]+(?::\d+)?[^\s:]*)(?::(.*))?$/i.exec(rest);
  const cut = url ? null : /^([^:]+)(?::(.*))?$/.exec(rest);
  const [, path = rest, description = ""] = url ?? cut ?? [];
  return { kind: "artifact", path: path.trim(), description: description.trim() };
}

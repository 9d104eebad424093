/** How the file of an artifact can be shown in the page. */

import type { Artifact } from "../live/model";

export type PreviewKind = "image" | "csv" | "json" | "markdown" | "html" | "pdf" | "text";

const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);
const TEXT_NAMES =
  /\.(?:txt|log|out|err|ya?ml|toml|ini|cfg|conf|env|xml|svg|sh|bash|py|js|ts|c|h|cc|cpp|rs|go|java|rb|sql|diff|patch|lock|properties|tap|css)$/i;

export function previewOf(artifact: Artifact): PreviewKind | null {
  if (artifact.state !== "stored") return null;
  const type = artifact.mime_type;
  const name = artifact.file_name;
  if (IMAGES.has(type)) return "image";
  if (type === "text/csv" || /\.[ct]sv$/i.test(name)) return "csv";
  if (type === "application/json" || /\.(?:json|sarif)$/i.test(name)) return "json";
  if (type === "text/markdown" || /\.md$/i.test(name)) return "markdown";
  if (type === "text/html") return "html";
  if (type === "application/pdf") return "pdf";
  if (type.startsWith("text/") || TEXT_NAMES.test(name)) return "text";
  return null;
}

/** English. Each area of the UI has a file here and one of the same name in every other language. */

import { execution } from "./execution";
import { form } from "./form";
import { list } from "./list";
import { log } from "./log";
import { shell } from "./shell";
import { status } from "./status";
import { timeline } from "./timeline";

export const en = {
  locale: "en",
  ...shell,
  ...status,
  ...list,
  ...form,
  ...execution,
  ...log,
  ...timeline,
};

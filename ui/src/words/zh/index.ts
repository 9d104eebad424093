/** Chinese, in simplified characters. */

import type { Words } from "../words";
import { execution } from "./execution";
import { form } from "./form";
import { list } from "./list";
import { log } from "./log";
import { shell } from "./shell";
import { status } from "./status";
import { timeline } from "./timeline";

export const zh: Words = {
  locale: "zh-CN",
  ...shell,
  ...status,
  ...list,
  ...form,
  ...execution,
  ...log,
  ...timeline,
};

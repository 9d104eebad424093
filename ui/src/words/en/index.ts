/** English. Each area of the UI has a file here and one of the same name in every other language. */

import { execution } from "./execution";
import { filter } from "./filter";
import { form } from "./form";
import { list } from "./list";
import { log } from "./log";
import { overview } from "./overview";
import { palette } from "./palette";
import { retention } from "./retention";
import { shell } from "./shell";
import { status } from "./status";
import { system } from "./system";
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
  ...filter,
  ...overview,
  ...system,
  ...palette,
  ...retention,
};

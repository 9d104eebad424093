/** Numbers as Chinese writes them; nouns have no plural. */

import { grouped } from "../../pure/grouped";

export const n = grouped;

/** Numbers as Chinese writes them; nouns have no plural. */

export const n = (value: number): string => value.toLocaleString("zh-CN");

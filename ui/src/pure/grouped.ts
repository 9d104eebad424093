/** "12,345": as English and Chinese write whole numbers. A formatter of the browser takes it 20 ms to make. */
export function grouped(value: number): string {
  if (!Number.isSafeInteger(value)) return value.toLocaleString("en");
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

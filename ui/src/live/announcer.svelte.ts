/** What a screen reader is told, politely: beginnings, ends and errors, never the log itself. */

class Announcer {
  text = $state("");

  say(text: string): void {
    this.text = text;
  }
}

export const announcer = new Announcer();

/** What is heard while something is being read is heard again after it: the answer may be older. */

export class Meanwhile<Message> {
  readonly #listening = new Set<Message[]>();

  heard(message: Message): void {
    for (const messages of this.#listening) messages.push(message);
  }

  /** Read, take the answer over, then hear once more what came while it was on its way. */
  async reading<Answer>(
    read: () => Promise<Answer>,
    take: (answer: Answer) => void,
    hear: (message: Message) => void,
  ): Promise<void> {
    const messages: Message[] = [];
    this.#listening.add(messages);
    try {
      take(await read());
    } finally {
      this.#listening.delete(messages);
    }
    messages.forEach(hear);
  }
}

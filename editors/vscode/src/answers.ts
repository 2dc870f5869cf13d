// Answers as they come along: the notifications `foretoken/assist`, read leniently, and the answer that
// they add up to. Nothing here knows the editor.

/** One step of an answer. Fields that are not known are passed over, and so are kinds. */
export type Note =
  | { readonly kind: 'started'; readonly id: string; readonly title: string; readonly uri: string | undefined }
  | { readonly kind: 'block'; readonly id: string; readonly markdown: string }
  | { readonly kind: 'note'; readonly id: string; readonly text: string }
  | {
      readonly kind: 'done';
      readonly id: string;
      readonly document: string | undefined;
      readonly cut: string | undefined;
    };

/** A place that the answer rests on. */
export interface Source {
  readonly title: string;
  readonly target: string;
}

/** An answer so far. */
export interface Answer {
  readonly id: string;
  readonly title: string;
  readonly uri: string | undefined;
  readonly blocks: readonly string[];
  readonly notes: readonly string[];
  readonly sources: readonly Source[];
  readonly running: boolean;
  /** The whole answer with its sources, as a file. */
  readonly document: string | undefined;
  /** Why it did not come to its end. */
  readonly cut: string | undefined;
}

/** Answers that are kept to be shown again. */
const KEPT = 20;

/** Longest text of one answer, characters. What is more is left to its document. */
const LONGEST = 400_000;

/** Reads a notification; undefined where it is none of those that are known. */
export function readNote(value: unknown): Note | undefined {
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const fields = value as { readonly [name: string]: unknown };
  const text = (name: string): string | undefined => {
    const field = fields[name];
    return typeof field === 'string' ? field : undefined;
  };
  const number = fields['id'];
  if (typeof number !== 'number' && typeof number !== 'string') {
    return undefined;
  }
  const id = String(number);
  switch (fields['kind']) {
    case 'started':
      return { kind: 'started', id, title: text('title') ?? 'Answer', uri: text('uri') };
    case 'block': {
      const markdown = text('markdown');
      return markdown === undefined ? undefined : { kind: 'block', id, markdown };
    }
    case 'note': {
      const said = text('text');
      return said === undefined ? undefined : { kind: 'note', id, text: said };
    }
    case 'done':
      return { kind: 'done', id, document: text('document'), cut: text('cut') };
    default:
      return undefined;
  }
}

/** The links of a Markdown text, each target once, in their order. */
export function sourcesOf(markdown: string): Source[] {
  const found = new Map<string, Source>();
  for (const match of markdown.matchAll(/(?<!!)\[([^\]\n]{1,200})\]\(<?(file:[^)\s>]{1,2000})>?\)/gu)) {
    const [, title, target] = match;
    if (title !== undefined && target !== undefined && !found.has(target)) {
      found.set(target, { title, target });
    }
  }
  return [...found.values()];
}

/** The answers of a session, newest last. */
export class Answers {
  private readonly kept = new Map<string, Answer>();

  /** Takes a step in and returns the answer as it is then; undefined where it belongs to none. */
  take(note: Note): Answer | undefined {
    if (note.kind === 'started') {
      return this.keep({
        id: note.id,
        title: note.title,
        uri: note.uri,
        blocks: [],
        notes: [],
        sources: [],
        running: true,
        document: undefined,
        cut: undefined,
      });
    }
    const answer = this.kept.get(note.id);
    if (answer === undefined) {
      return undefined;
    }
    switch (note.kind) {
      case 'block': {
        const length = answer.blocks.reduce((sum, block) => sum + block.length, 0);
        if (length + note.markdown.length > LONGEST) {
          return answer;
        }
        const blocks = [...answer.blocks, note.markdown];
        return this.keep({ ...answer, blocks, sources: sourcesOf(blocks.join('\n\n')) });
      }
      case 'note':
        return this.keep({ ...answer, notes: [...answer.notes, note.text] });
      case 'done':
        return this.keep({ ...answer, running: false, document: note.document, cut: note.cut });
    }
  }

  /** The server is gone: nothing more comes of what was running. */
  interrupt(why: string): Answer[] {
    const running = [...this.kept.values()].filter((answer) => answer.running);
    return running.map((answer) => this.keep({ ...answer, running: false, cut: why }));
  }

  private keep(answer: Answer): Answer {
    this.kept.set(answer.id, answer);
    for (const id of this.kept.keys()) {
      if (this.kept.size <= KEPT) {
        break;
      }
      this.kept.delete(id);
    }
    return answer;
  }
}

// What the server says of itself, in words for a person. Every field may be missing: the server may be
// older or newer than this package. Nothing here knows the editor.

/** `didChangeStatus`, in the words that Copilot's server uses. */
export interface Status {
  readonly busy: boolean;
  readonly kind: 'Normal' | 'Warning' | 'Error' | 'Inactive';
  readonly message: string;
}

const KINDS: readonly Status['kind'][] = ['Normal', 'Warning', 'Error', 'Inactive'];

/** Reads the notification; what cannot be read is a server that is well and silent. */
export function readStatus(value: unknown): Status {
  const kind = at(value, 'kind');
  return {
    busy: at(value, 'busy') === true,
    kind: KINDS.find((known) => known === kind) ?? 'Normal',
    message: text(value, 'message') ?? '',
  };
}

/** A value below an object by its path, or undefined. */
function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const name of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, name)) {
      return undefined;
    }
    here = (here as { [name: string]: unknown })[name];
  }
  return here;
}

function text(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

function number(value: unknown, ...path: readonly string[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}

function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${value.toFixed(0)} ms`;
}

/** The answer of the command `foretoken.status` in a few lines: model, device, latency, what is degraded. */
export function describe(status: unknown): string[] {
  const lines: string[] = [];
  const add = (line: string | undefined): void => void (line === undefined || lines.push(line));
  const model = at(status, 'model');
  const state = text(model, 'state');
  const device = text(status, 'device');
  if (state === 'ready') {
    const name = [text(model, 'name'), text(model, 'version')].filter((part) => part !== undefined).join(' ');
    add(`Model: ${name}${device === undefined ? '' : ` on ${device}`}`);
    const library = text(model, 'library');
    add(library && `ONNX Runtime: ${library}`);
  } else if (state === 'loading') {
    add(`Model: loading, ${number(model, 'percent') ?? 0} %`);
  } else if (state !== undefined) {
    add(`Model: none. ${text(model, 'message') ?? ''} Suggestions come from the words of the open files.`);
  }
  if (at(status, 'enabled') === false) {
    add('Suggestions are switched off by a setting.');
  }
  const fresh = number(status, 'latencyMs', 'model', 'p50');
  add(fresh === undefined ? undefined : `Median answer from the model: ${milliseconds(fresh)}`);
  const ready = number(status, 'latencyMs', 'hit', 'p50');
  add(ready === undefined ? undefined : `Median answer that was at hand: ${milliseconds(ready)}`);
  const offered = number(status, 'offers', 'offered');
  if (offered !== undefined) {
    const accepted = number(status, 'offers', 'accepted') ?? 0;
    add(`Offered ${offered}, accepted ${accepted} (${number(status, 'offers', 'acceptedCharacters') ?? 0} characters)`);
  }
  add(text(status, 'governor', 'sentence'));
  return lines;
}

/** Why nothing was shown, and what a user could do about it. */
export interface Why {
  readonly sentence: string;
  /** Which way out to offer, if any. */
  readonly remedy?: 'enable' | 'inline-suggest' | 'restart' | 'settings';
}

/** What is known on the editor's side when somebody asks why. */
export interface Situation {
  /** `editor.inlineSuggest.enabled` of the document. */
  readonly inlineSuggest: boolean;
  /** The answer of `foretoken.status`; undefined where no server runs. */
  readonly status: unknown;
  readonly uri: string;
}

/** The nearest cause first: the editor, the server, the document. */
export function why({ inlineSuggest, status, uri }: Situation): Why {
  if (!inlineSuggest) {
    return {
      sentence: 'The editor itself shows no ghost text: the setting editor.inlineSuggest.enabled is off.',
      remedy: 'inline-suggest',
    };
  }
  if (status === undefined) {
    return { sentence: 'The server does not run.', remedy: 'restart' };
  }
  if (at(status, 'enabled') === false) {
    return { sentence: 'Suggestions are switched off by a setting.', remedy: 'enable' };
  }
  const documents = at(status, 'documents');
  const open = Array.isArray(documents)
    ? documents.find((document) => text(document, 'uri') === uri)
    : undefined;
  if (open === undefined) {
    return { sentence: 'The server does not have this file open. Files of other kinds than text on disk are left alone.' };
  }
  const last = at(open, 'last');
  const reason = text(last, 'reason');
  if (reason === 'disabled') {
    return {
      sentence: text(last, 'sentence') ?? 'Suggestions are switched off for this file.',
      remedy: 'settings',
    };
  }
  const sentence = text(last, 'sentence');
  if (sentence !== undefined) {
    return { sentence };
  }
  return {
    sentence:
      last === undefined || last === null
        ? 'Nothing was asked for in this file yet. Suggestions come while you type.'
        : 'The last request had an answer. It disappears when you move the cursor or type something else.',
  };
}

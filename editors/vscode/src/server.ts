// One language client for the window: started, restarted, and what becomes of it when the server ends by
// itself. A server that ends is started again a few times, with one message; then it is left alone.

import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  type LanguageClientOptions,
  type StaticFeature,
} from 'vscode-languageclient/node';
import { find, type Found, type Missing } from './binary';
import * as cli from './cli';
import { Growth, textOf } from './growth';
import { readStatus } from './report';
import * as settings from './settings';
import { type Condition } from './statusItem';

/** A server that ends this often within this time is not started again. */
const RESTARTS = 3;
const WITHIN_MS = 180_000;

/** The server's own command; the client registers no second one of that name. */
const STATUS = 'foretoken.status';

/** What the rest of the extension is told. */
export interface Listener {
  condition(condition: Condition): void;
  assist(note: unknown): void;
  /** The server ended by itself; it comes again, or it does not. */
  ended(again: boolean): void;
  /** An answer to a request for ghost text has come. */
  answered(): void;
}

export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private ends: number[] = [];
  /** Starting and stopping happen one after the other. */
  private queue: Promise<void> = Promise.resolve();
  private readonly growth = new Growth();

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly listener: Listener,
  ) {}

  /** Starts the server, or stops the one that runs and starts anew. */
  restart(): Promise<void> {
    this.ends = [];
    return this.enqueue(async () => {
      await this.stopClient();
      await this.startClient();
    });
  }

  stop(): Promise<void> {
    return this.enqueue(() => this.stopClient());
  }

  dispose(): void {
    this.growth.dispose();
    void this.stop();
  }

  /** The answer of `foretoken.status`; undefined where no server answers. */
  async report(): Promise<unknown> {
    const client = this.client;
    if (client === undefined || !client.isRunning()) {
      return undefined;
    }
    try {
      return (await client.sendRequest(ExecuteCommandRequest.type, { command: STATUS })) as unknown;
    } catch {
      return undefined;
    }
  }

  /** Runs the server's program beside the session, with the settings that it is started with. */
  async run(args: readonly string[], input?: string): Promise<cli.Said> {
    const found = this.program();
    if ('missing' in found) {
      return { code: null, out: '', err: found.missing };
    }
    try {
      return await cli.run(found.program, args, { env: environment(), ...(input === undefined ? {} : { input }) });
    } catch (error) {
      return { code: null, out: '', err: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Asks a question in the user's own words about what is selected. */
  async ask(editor: vscode.TextEditor, question: string): Promise<void> {
    const convert = this.client?.code2ProtocolConverter;
    if (convert !== undefined) {
      const { document, selection } = editor;
      const range = convert.asRange(selection);
      await this.execute('foretoken.ask', { uri: convert.asUri(document.uri), version: document.version, range, question });
    }
  }

  /** Runs one of the server's commands. */
  async execute(command: string, ...args: readonly (string | number | object)[]): Promise<void> {
    try {
      await this.client?.sendRequest(ExecuteCommandRequest.type, { command, arguments: [...args] });
    } catch (error) {
      this.log.warn(`${command}: ${String(error)}`);
    }
  }

  /** A hint where the cursor rests, so that the first key there finds the place prepared. */
  hint(editor: vscode.TextEditor): void {
    const client = this.client;
    if (client?.isRunning() && ['file', 'untitled'].includes(editor.document.uri.scheme)) {
      void client.sendNotification('$/foretoken/cursor', {
        textDocument: client.code2ProtocolConverter.asTextDocumentIdentifier(editor.document),
        position: client.code2ProtocolConverter.asPosition(editor.selection.active),
      });
    }
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(work, work);
    return this.queue;
  }

  private async stopClient(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    // A client whose server would not come cannot be stopped; it is only dropped.
    await client?.dispose(2000).catch((error: unknown) => this.log.debug(String(error)));
  }

  private async startClient(): Promise<void> {
    this.listener.condition({ is: 'starting' });
    const found = this.program();
    if ('missing' in found) {
      this.log.error(found.missing);
      this.listener.condition({ is: 'stopped', why: found.missing });
      void this.say(found.missing, ['Open Settings', () => openSettings('path')]);
      return;
    }
    this.log.info(`Starting ${found.program} (${found.from})`);
    const client = new LanguageClient('foretoken', 'Foretoken', { command: found.program, args: ['--stdio'], options: { env: environment() } }, this.options());
    this.client = client;
    client.registerFeature(experimental());
    client.onNotification('didChangeStatus', (status: unknown) =>
      this.listener.condition({ is: 'running', status: readStatus(status) }),
    );
    client.onNotification('foretoken/assist', (note: unknown) => this.listener.assist(note));
    try {
      await client.start();
    } catch (error) {
      const why = `The server did not start: ${error instanceof Error ? error.message : String(error)}`;
      this.log.error(why);
      this.listener.condition({ is: 'stopped', why });
      void this.say(why, ['Show Log', () => this.log.show()], ['Try Again', () => void this.restart()]);
    }
  }

  private program(): Found | Missing {
    return find({
      setting: vscode.workspace.getConfiguration(settings.SECTION).get('path', ''),
      extension: this.context.extensionPath,
      path: process.env['PATH'] ?? '',
      home: homedir(),
      platform: process.platform,
      runs,
    });
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }],
      outputChannel: this.log,
      initializationOptions: () => ({
        editor: 'vscode',
        status: true,
        trusted: vscode.workspace.isTrusted,
      }),
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => this.closed(),
      },
      initializationFailedHandler: () => false,
      middleware: {
        workspace: {
          configuration: (params) => params.items.map(({ section }) => (section === settings.SECTION ? settings.forServer() : null)),
          didChangeConfiguration: async () => {
            await this.client?.sendNotification(DidChangeConfigurationNotification.type, {
              settings: { [settings.SECTION]: settings.forServer() },
            });
          },
        },
        provideInlineCompletionItems: async (document, position, asked, token, next) => {
          const context = this.growth.begins(document, position, asked);
          const answer = await next(document, position, context, token);
          this.listener.answered();
          const text = textOf(answer);
          if (text !== undefined) {
            this.growth.shown(document, position, context, token, text, async (...ask) => next(...ask));
          }
          return answer;
        },
      },
    };
  }

  /** The server ended though nobody had asked it to. */
  private closed(): { action: CloseAction; handled: boolean } {
    const now = Date.now();
    this.ends = [...this.ends.filter((at) => now - at < WITHIN_MS), now];
    const again = this.ends.length <= RESTARTS;
    this.listener.ended(again);
    if (again) {
      this.log.warn('The server ended by itself and is started again.');
      this.listener.condition({ is: 'starting' });
      // One message for a run of ends; the log has each.
      if (this.ends.length === 1) {
        void this.say('The server ended unexpectedly and was started again.', ['Show Log', () => this.log.show()]);
      }
      return { action: CloseAction.Restart, handled: true };
    }
    const why = `The server ended ${RESTARTS + 1} times within three minutes and is left alone.`;
    this.log.error(why);
    this.listener.condition({ is: 'stopped', why });
    void this.say(why, ['Show Log', () => this.log.show()], ['Start Again', () => void this.restart()]);
    return { action: CloseAction.DoNotRestart, handled: true };
  }

  private async say(sentence: string, ...choices: readonly [string, () => void][]): Promise<void> {
    const chosen = await vscode.window.showWarningMessage(`Foretoken: ${sentence}`, ...choices.map(([title]) => title));
    choices.find(([title]) => title === chosen)?.[1]();
  }
}

/** Opens the settings at one of ours. */
export function openSettings(key: string): void {
  void vscode.commands.executeCommand('workbench.action.openSettings', `${settings.SECTION}.${key}`);
}

/** Says in `initialize` that answers can be shown while they are written. */
function experimental(): StaticFeature {
  return {
    fillClientCapabilities: (capabilities) => {
      capabilities.experimental = { ...(capabilities.experimental as object | undefined), foretoken: { assist: 1 } };
    },
    initialize: () => undefined,
    getState: () => ({ kind: 'static' }),
    clear: () => undefined,
  };
}

/** The environment of the program: the editor's own, with what must not come from a workspace. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, ...settings.environment() };
}

function runs(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

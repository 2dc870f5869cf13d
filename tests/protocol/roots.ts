// One list: what the server may send, by the names under which the tests look it up. A message whose name
// does not stand here fails them. The types are the published ones; only the last few are our own.
import type {
  ApplyWorkspaceEditParams,
  CodeAction,
  Command,
  CompletionItem,
  CompletionList,
  ConfigurationParams,
  InitializeResult,
  InlineCompletionItem,
  InlineCompletionList,
  LogMessageParams,
  LSPAny,
  ProgressToken,
  RegistrationParams,
  ShowDocumentParams,
  ShowMessageParams,
  ShowMessageRequestParams,
  UnregistrationParams,
  WorkDoneProgressBegin,
  WorkDoneProgressCreateParams,
  WorkDoneProgressEnd,
  WorkDoneProgressReport,
} from 'vscode-languageserver-protocol';

export interface Roots {
  'result initialize': InitializeResult;
  'result shutdown': null;
  'result textDocument/completion': CompletionItem[] | CompletionList | null;
  'result textDocument/inlineCompletion': InlineCompletionItem[] | InlineCompletionList | null;
  'result textDocument/codeAction': (Command | CodeAction)[] | null;
  'result workspace/executeCommand': LSPAny;
  error: { code: number; message: string; data?: LSPAny };
  'params $/progress': { token: ProgressToken; value: WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd };
  'params client/registerCapability': RegistrationParams;
  'params client/unregisterCapability': UnregistrationParams;
  'params window/logMessage': LogMessageParams;
  'params window/showDocument': ShowDocumentParams;
  'params window/showMessage': ShowMessageParams;
  'params window/showMessageRequest': ShowMessageRequestParams;
  'params window/workDoneProgress/create': WorkDoneProgressCreateParams;
  'params workspace/applyEdit': ApplyWorkspaceEditParams;
  'params workspace/configuration': ConfigurationParams;
  /** The chunks of the workspace that answer a question, best first, and how its index stands. */
  'result foretoken/search': {
    hits: {
      file: string;
      path: string;
      line: number;
      endLine: number;
      name: string;
      kind: string;
      text: string;
      score: number;
    }[];
    index: LSPAny;
  };
  /** In the words of Copilot's server. */
  'params didChangeStatus': { busy: boolean; kind: 'Normal' | 'Warning' | 'Error' | 'Inactive'; message: string };
  /** An answer while it is written. */
  'params foretoken/assist':
    | { kind: 'started'; id: number; title: string; task: string; uri: string }
    | { kind: 'block'; id: number; markdown: string }
    | { kind: 'note'; id: number; text: string }
    | { kind: 'done'; id: number; document: string | null; cut: string | null };
}

// The item in the status bar: what state the server is in, at a glance, and on hover in a few lines.

import * as vscode from 'vscode';
import { describe, type Status } from './report';

/** What the extension knows of its server. */
export type Condition =
  | { readonly is: 'starting' }
  | { readonly is: 'running'; readonly status: Status }
  | { readonly is: 'stopped'; readonly why: string };

const ICONS = { Normal: '$(sparkle)', Warning: '$(warning)', Error: '$(error)', Inactive: '$(circle-slash)' } as const;

export class StatusItem implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private condition: Condition = { is: 'starting' };

  constructor() {
    this.item = vscode.window.createStatusBarItem('foretoken.status', vscode.StatusBarAlignment.Right, 100);
    this.item.name = 'Foretoken';
    this.item.command = 'foretoken.menu';
    this.show({ is: 'starting' });
    this.item.show();
  }

  show(condition: Condition): void {
    this.condition = condition;
    const [icon, said] = face(condition);
    this.item.text = `${icon} Foretoken`;
    this.item.accessibilityInformation = { label: `Foretoken: ${said}` };
    const trouble = condition.is === 'stopped' || (condition.is === 'running' && condition.status.kind === 'Error');
    const warning = condition.is === 'running' && condition.status.kind === 'Warning';
    this.item.backgroundColor = trouble
      ? new vscode.ThemeColor('statusBarItem.errorBackground')
      : warning
        ? new vscode.ThemeColor('statusBarItem.warningBackground')
        : undefined;
    this.item.tooltip = `Foretoken: ${said}`;
  }

  /** Adds what the server answered when it was asked. */
  detail(report: unknown): void {
    const [, said] = face(this.condition);
    this.item.tooltip = [`Foretoken: ${said}`, ...describe(report)].join('\n');
  }

  dispose(): void {
    this.item.dispose();
  }
}

function face(condition: Condition): [icon: string, said: string] {
  switch (condition.is) {
    case 'starting':
      return ['$(loading~spin)', 'starting'];
    case 'stopped':
      return ['$(error)', condition.why];
    case 'running': {
      const { busy, kind, message } = condition.status;
      const said = message === '' ? (busy ? 'working' : 'ready') : message;
      return [busy ? '$(loading~spin)' : ICONS[kind], said];
    }
  }
}

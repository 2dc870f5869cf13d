// A task list with undo: pure state, one reducer, a store with listeners.

export type Priority = "low" | "normal" | "high";

export interface Task {
  readonly id: number;
  readonly title: string;
  readonly priority: Priority;
  readonly done: boolean;
  readonly dueAt?: Date;
}

export interface State {
  readonly tasks: readonly Task[];
  readonly nextId: number;
}

export type Action =
  | { kind: "add"; title: string; priority: Priority; dueAt?: Date }
  | { kind: "rename"; id: number; title: string }
  | { kind: "toggle"; id: number }
  | { kind: "remove"; id: number };

export type Listener = (state: State) => void;

export const emptyState: State = { tasks: [], nextId: 1 };

/** Changes the task with this id and leaves all others alone. */
function update(state: State, id: number, change: Partial<Task>): State {
  const tasks = state.tasks.map((task) =>
    task.id === id ? { ...task, ...change } : task,
  );
  return { ...state, tasks };
}

function find(state: State, id: number): Task | undefined {
  return state.tasks.find((task) => task.id === id);
}

export function reduce(state: State, action: Action): State {
  switch (action.kind) {
    case "add": {
      const { title, priority, dueAt } = action;
      const id = state.nextId;
      const task: Task = { id, title, priority, done: false, dueAt };
      return { tasks: [...state.tasks, task], nextId: id + 1 };
    }
    case "rename":
      return update(state, action.id, { title: action.title });
    // demo: type
    case "toggle": {
      const task = find(state, action.id);
      return update(state, action.id, { done: !task?.done });
    }
    case "remove": {
      const tasks = state.tasks.filter((task) => task.id !== action.id);
      return { ...state, tasks };
    }
    // demo: end
  }
}

/** Open tasks first, then by priority, then by the day they are due. */
export function sorted(tasks: readonly Task[]): Task[] {
  const rank: Record<Priority, number> = { high: 0, normal: 1, low: 2 };
  const due = (task: Task) => task.dueAt?.getTime() ?? Infinity;
  return [...tasks].sort(
    (a, b) =>
      Number(a.done) - Number(b.done) ||
      rank[a.priority] - rank[b.priority] ||
      due(a) - due(b),
  );
}

export class Store {
  private past: State[] = [];
  private listeners = new Set<Listener>();

  constructor(private state: State = emptyState) {}

  get current(): State {
    return this.state;
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  dispatch(action: Action): void {
    this.past.push(this.state);
    this.state = reduce(this.state, action);
    this.notify();
  }

  // demo: type
  undo(): boolean {
    const previous = this.past.pop();
    if (previous === undefined) {
      return false;
    }
    this.state = previous;
    this.notify();
    return true;
  }
  // demo: end

  private notify(): void {
    for (const listener of this.listeners) {
      listener(this.state);
    }
  }
}

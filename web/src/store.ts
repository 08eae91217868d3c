/**
 * What the page knows about one scope and week, as a value. Snapshots and publications go in, a new value
 * comes out; nothing here touches the network or the document.
 *
 * Publications are absolute: a row's values with the row's version. So one that comes twice or late does no
 * harm, and only a missing one matters. Offsets count without holes, which is how a missing one shows.
 */

export type Status = "DRAFT" | "SUBMITTED" | "APPROVED" | "REJECTED";

export interface Person {
  id: string;
  firstName: string;
  lastName: string;
}

export interface Member {
  user: Person;
  timesheetId: string | null;
  weekStart: string;
  status: Status | null;
  totalMinutes: number;
  version: number;
  submittedAt: string | null;
  onLeave: boolean;
}

/** Where a channel's history stands: an offset means something only within its epoch. */
export interface Position {
  epoch: string;
  offset: number;
}

export interface Snapshot extends Position {
  scope: string;
  name: string;
  week: string;
  timezone: string;
  generatedAt: string;
  members: Member[];
}

export interface TimesheetChange {
  type: "timesheet";
  topic: string;
  user: Person;
  timesheetId: string;
  weekStart: string;
  status: Status;
  totalMinutes: number;
  version: number;
  submittedAt: string | null;
  occurredAt: string;
}

export interface ExportChange {
  type: "export";
  topic: string;
  exportId: string;
  rows: number;
  bytes: number;
  error?: string;
  occurredAt: string;
}

/** The change was too large for a frame: read the snapshot again. */
export interface Refetch {
  type: "refetch";
}

export type Change = TimesheetChange | ExportChange | Refetch;

export interface Publication {
  offset: number;
  data: Change;
}

export interface State extends Position {
  readonly scope: string;
  readonly name: string;
  readonly week: string;
  readonly timezone: string;
  readonly generatedAt: string;
  readonly members: ReadonlyMap<string, Member>;
  /** The last publications in order of offset: the feed, and what a snapshot read meanwhile may lack. */
  readonly recent: readonly Publication[];
}

/** The one group a member is counted in; a sheet that needs attention counts also of somebody on leave. */
export type Bucket = "missing" | "draft" | "submitted" | "approved" | "rejected" | "onLeave";

export type Counts = Record<Bucket, number> & { expected: number };

/** How many publications are kept. A burst longer than this while a snapshot loads shows up as a gap. */
const KEPT = 200;

/** The state of a snapshot, plus the publications that came after it was read. */
export function load(snapshot: Snapshot, before?: State): State {
  const state: State = {
    scope: snapshot.scope,
    name: snapshot.name,
    week: snapshot.week,
    timezone: snapshot.timezone,
    generatedAt: snapshot.generatedAt,
    epoch: snapshot.epoch,
    offset: snapshot.offset,
    members: new Map(snapshot.members.map((member) => [member.user.id, member])),
    recent: [],
  };
  const continues = before?.scope === state.scope && (before.epoch === state.epoch || before.epoch === "");
  return continues ? apply(state, before.recent) : state;
}

/** A channel without history has no epoch yet; the first answer that tells one names it. */
export function named(state: State, epoch: string): State {
  return state.epoch === "" && epoch !== "" ? { ...state, epoch } : state;
}

/** The state after these publications, in whatever order they came. */
export function apply(state: State, publications: readonly Publication[]): State {
  const known = new Set(state.recent.map((publication) => publication.offset));
  const fresh: Publication[] = [];
  for (const publication of publications) {
    if (!known.has(publication.offset)) fresh.push(publication);
    known.add(publication.offset);
  }
  if (fresh.length === 0) return state;

  const members = new Map(state.members);
  for (const { data } of fresh) {
    if (data.type === "timesheet" && data.weekStart === state.week) applyChange(members, data);
  }
  const recent = [...state.recent, ...fresh].sort((a, b) => a.offset - b.offset);
  let offset = state.offset;
  for (const publication of recent) if (publication.offset === offset + 1) offset += 1;
  return { ...state, members, recent: recent.slice(-KEPT), offset };
}

function applyChange(members: Map<string, Member>, change: TimesheetChange): void {
  const member = members.get(change.user.id);
  if (member?.timesheetId === change.timesheetId && change.version < member.version) return;
  members.set(change.user.id, {
    user: change.user,
    timesheetId: change.timesheetId,
    weekStart: change.weekStart,
    status: change.status,
    totalMinutes: change.totalMinutes,
    version: change.version,
    submittedAt: change.submittedAt,
    onLeave: member?.onLeave ?? false,
  });
}

/** Whether a publication is missing below one that came: it is late, or lost. */
export function hasGap(state: State): boolean {
  const last = state.recent.at(-1);
  return last !== undefined && last.offset > state.offset;
}

export function bucket(member: Member): Bucket {
  switch (member.status) {
    case "SUBMITTED":
      return "submitted";
    case "APPROVED":
      return "approved";
    case "REJECTED":
      return "rejected";
    default:
      return member.onLeave ? "onLeave" : member.status === "DRAFT" ? "draft" : "missing";
  }
}

/** The header's figures, always from the members, so that they cannot differ from the table. */
export function counts(state: State): Counts {
  const result: Counts = { expected: 0, missing: 0, draft: 0, submitted: 0, approved: 0, rejected: 0, onLeave: 0 };
  for (const member of state.members.values()) result[bucket(member)] += 1;
  result.expected = state.members.size - result.onLeave;
  return result;
}

export function totalMinutes(state: State): number {
  let sum = 0;
  for (const member of state.members.values()) sum += member.totalMinutes;
  return sum;
}

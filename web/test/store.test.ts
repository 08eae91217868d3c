import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, bucket, counts, hasGap, load, named, totalMinutes } from "../src/store";
import type { Member, Publication, Snapshot, State, Status } from "../src/store";

const WEEK = "2025-11-17";

function member(id: string, status: Status | null, version = 1, minutes = 0, onLeave = false): Member {
  return {
    user: { id, firstName: id.toUpperCase(), lastName: "Test" },
    timesheetId: status === null ? null : `sheet-${id}`,
    weekStart: WEEK,
    status,
    totalMinutes: minutes,
    version,
    submittedAt: null,
    onLeave,
  };
}

function snapshot(offset: number, members: Member[], more: Partial<Snapshot> = {}): Snapshot {
  return {
    scope: "team:1",
    name: "Platform",
    week: WEEK,
    timezone: "UTC",
    generatedAt: "2025-11-20T10:00:00Z",
    epoch: "e1",
    offset,
    members,
    ...more,
  };
}

function change(offset: number, id: string, status: Status, version: number, minutes = 0, week = WEEK): Publication {
  const data = {
    type: "timesheet" as const,
    topic: `timesheet.${status.toLowerCase()}`,
    user: { id, firstName: id.toUpperCase(), lastName: "Test" },
    timesheetId: `sheet-${id}`,
    weekStart: week,
    status,
    totalMinutes: minutes,
    version,
    submittedAt: null,
    occurredAt: "2025-11-20T10:00:00Z",
  };
  return { offset, data };
}

const row = (state: State, id: string) => state.members.get(id)!;
const offsets = (state: State) => state.recent.map(({ offset }) => offset);

test("a publication changes its row, and only that", () => {
  const before = load(snapshot(4, [member("a", "DRAFT", 1, 60), member("b", "DRAFT")]));
  const after = apply(before, [change(5, "a", "SUBMITTED", 2, 480)]);
  assert.equal(row(after, "a").status, "SUBMITTED");
  assert.equal(row(after, "a").totalMinutes, 480);
  assert.equal(row(after, "b"), row(before, "b"));
  assert.equal(after.offset, 5);
  assert.equal(row(before, "a").status, "DRAFT", "the value before is left as it was");
});

test("two in the wrong order end like in the right one", () => {
  const start = load(snapshot(0, [member("a", "DRAFT")]));
  const [first, second] = [change(1, "a", "SUBMITTED", 2), change(2, "a", "APPROVED", 3)];
  const late = apply(start, [second]);
  assert.ok(hasGap(late), "1 is missing");
  assert.equal(late.offset, 0);
  const after = apply(late, [first]);
  assert.equal(row(after, "a").status, "APPROVED", "the lower version does not win by coming later");
  assert.equal(after.offset, 2);
  assert.ok(!hasGap(after));
  assert.deepEqual(offsets(after), [1, 2], "the feed is in order of offset");
  assert.deepEqual(after, apply(apply(start, [first]), [second]));
});

test("a duplicate changes nothing, not even the identity of the state", () => {
  const after = apply(load(snapshot(0, [member("a", "DRAFT")])), [change(1, "a", "SUBMITTED", 2)]);
  assert.equal(apply(after, [change(1, "a", "SUBMITTED", 2)]), after);
  const twice = apply(load(snapshot(0, [])), [change(1, "a", "DRAFT", 1), change(1, "a", "DRAFT", 1)]);
  assert.deepEqual(offsets(twice), [1]);
});

test("a gap shows until what fills it comes, or a snapshot goes beyond it", () => {
  const gap = apply(load(snapshot(4, [member("a", "DRAFT")])), [change(7, "a", "APPROVED", 4)]);
  assert.ok(hasGap(gap));
  assert.equal(row(gap, "a").status, "APPROVED", "what came is shown at once");
  assert.equal(gap.offset, 4, "but asking again begins before the gap");
  assert.ok(hasGap(apply(gap, [change(5, "a", "SUBMITTED", 2)])), "6 is still missing");
  assert.equal(apply(gap, [change(6, "a", "SUBMITTED", 3), change(5, "a", "SUBMITTED", 2)]).offset, 7);
  const reloaded = load(snapshot(9, [member("a", "REJECTED", 5)]), gap);
  assert.ok(!hasGap(reloaded));
  assert.equal(row(reloaded, "a").status, "REJECTED");
});

test("a snapshot that was read before a publication came does not undo it", () => {
  const start = load(snapshot(4, [member("a", "DRAFT"), member("b", "DRAFT")]));
  const live = apply(start, [change(5, "a", "SUBMITTED", 2)]);
  const after = load(snapshot(4, [member("a", "DRAFT"), member("b", "DRAFT", 1, 30)]), live);
  assert.equal(row(after, "a").status, "SUBMITTED");
  assert.equal(row(after, "b").totalMinutes, 30);
  assert.equal(after.offset, 5);
});

test("going to another week applies what came for it while its snapshot loaded", () => {
  const next = "2025-11-24";
  const live = apply(load(snapshot(4, [member("a", "APPROVED", 9)])), [change(5, "a", "SUBMITTED", 2, 60, next)]);
  assert.equal(row(live, "a").status, "APPROVED", "another week's change leaves this week alone");
  assert.equal(live.offset, 5);
  const after = load(snapshot(4, [{ ...member("a", "DRAFT"), weekStart: next }], { week: next }), live);
  assert.equal(row(after, "a").status, "SUBMITTED");
  assert.equal(after.offset, 5);
});

test("not recovered: after a new epoch only the snapshot counts, also with lower offsets", () => {
  const old = apply(load(snapshot(90, [member("a", "DRAFT")])), [change(91, "a", "APPROVED", 7)]);
  const after = load(snapshot(2, [member("a", "SUBMITTED", 2)], { epoch: "e2" }), old);
  assert.equal(row(after, "a").status, "SUBMITTED");
  assert.equal(after.offset, 2);
  assert.deepEqual(offsets(after), []);
  assert.equal(apply(after, [change(3, "a", "APPROVED", 3)]).offset, 3);
});

test("a channel that had no history gets its epoch, and keeps what came first", () => {
  const empty = load(snapshot(0, [member("a", "DRAFT")], { epoch: "" }));
  const first = apply(empty, [change(1, "a", "SUBMITTED", 2)]);
  assert.equal(row(load(snapshot(0, [member("a", "DRAFT")]), first), "a").status, "SUBMITTED");
  assert.equal(named(first, "e1").epoch, "e1");
  assert.equal(named(named(first, "e1"), "e2").epoch, "e1", "only once: a new epoch is a lost history");
});

test("another scope keeps nothing of the one before", () => {
  const old = apply(load(snapshot(4, [])), [change(5, "a", "SUBMITTED", 2)]);
  const after = load(snapshot(1, [member("b", "DRAFT")], { scope: "team:2" }), old);
  assert.deepEqual([...after.members.keys()], ["b"]);
  assert.deepEqual(offsets(after), []);
});

test("somebody new appears, and who is on leave stays so", () => {
  const after = apply(load(snapshot(0, [member("a", null, 0, 0, true)])), [
    change(1, "b", "DRAFT", 1, 15),
    change(2, "a", "DRAFT", 1),
  ]);
  assert.equal(row(after, "b").totalMinutes, 15);
  assert.equal(row(after, "a").onLeave, true);
});

test("exports move the offset and the feed, no row", () => {
  const start = load(snapshot(0, [member("a", "DRAFT")]));
  const data = { type: "export" as const, topic: "export.ready", exportId: "x", rows: 1, bytes: 2, occurredAt: "" };
  const after = apply(start, [{ offset: 1, data }]);
  assert.equal(after.offset, 1);
  assert.deepEqual(after.members, start.members);
});

test("the figures are those of the rows", () => {
  const state = load(
    snapshot(0, [
      member("a", null),
      member("b", "DRAFT", 1, 10),
      member("c", "SUBMITTED", 1, 20),
      member("d", "APPROVED", 1, 30),
      member("e", "REJECTED", 1, 40),
      member("f", null, 0, 0, true),
      member("g", "SUBMITTED", 1, 50, true),
    ]),
  );
  const expected = { expected: 6, missing: 1, draft: 1, submitted: 2, approved: 1, rejected: 1, onLeave: 1 };
  assert.deepEqual(counts(state), expected);
  assert.equal(totalMinutes(state), 150);
  assert.equal(bucket(row(state, "g")), "submitted", "a sheet to decide on counts, also of somebody on leave");
  const after = apply(state, [change(1, "c", "APPROVED", 2, 25), change(2, "a", "DRAFT", 1, 5)]);
  assert.deepEqual(counts(after), { ...expected, submitted: 1, approved: 2, missing: 0, draft: 2 });
  assert.equal(totalMinutes(after), 160);
});

test("every order of deliveries, with duplicates, ends in the same state", () => {
  const start = load(snapshot(0, [member("a", "DRAFT"), member("b", null, 0)]));
  const all = [
    change(1, "a", "SUBMITTED", 2),
    change(2, "b", "DRAFT", 1, 30),
    change(3, "a", "REJECTED", 3),
    change(4, "a", "DRAFT", 4, 90),
    change(5, "b", "SUBMITTED", 2, 60),
  ];
  const expected = apply(start, all);
  for (const order of permutations(all)) {
    let state = start;
    for (const publication of [...order, order[0]!]) state = apply(state, [publication]);
    assert.deepEqual(state, expected);
  }
});

test("the feed is bounded, and a burst beyond it shows as a gap", () => {
  const burst = Array.from({ length: 500 }, (_, i) => change(i + 1, "a", "DRAFT", i + 2, i));
  const after = apply(load(snapshot(0, [member("a", "DRAFT")])), burst);
  assert.equal(after.recent.length, 200);
  assert.equal(row(after, "a").totalMinutes, 499);
  assert.equal(after.offset, 500, "nothing was missing");
  assert.ok(hasGap(load(snapshot(100, [member("a", "DRAFT")]), after)), "a snapshot this old lacks 101–300");
});

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

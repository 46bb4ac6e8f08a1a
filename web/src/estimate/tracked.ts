/**
 * The hands of a video's frame whose places are known from the frames before (Python: `knuckle.inference.tracked`).
 *
 * The landmark network looks once at each predicted square; a second time only where the hand turns out to lie elsewhere
 * or is hardly seen. Its joints say where to cut the estimator's crops. Either network may be left out for some hands of
 * a frame: its last answer is carried along by the other's, as far off as it was, turned and scaled with the hand. Hands
 * near each other go through the two-hand network too, where that is there.
 */
import type { FitStart } from "../hand/fit_start";
import type { Camera } from "../hand/frame";
import { handRoll } from "../hand/roll";
import { type Asked, DOUBTFUL, type EstimatedHand, LEAST_PRESENCE, type Predicted, type TrackedHand } from "../track/estimator";
import { extent, jointsToSquare, type Square } from "./affine";
import type { Calibration } from "./certainty";
import { type Evidence, evidenceOf, isFound } from "./evidence";
import { centred, flat, isFinite, type Lens, lift, middle, numbersWhere, spread, turnedAboutZ, turnedPx } from "./joints";
import { type LandmarkNetwork, lookBox, sameSquare } from "./landmarks";
import type { OneHandNetwork, OwnJoints } from "./one_hand";
import type { PairSource } from "./pair_source";
import { pairBoxes } from "./pairing";
import type { Picture } from "./picture";
import type { Answer } from "./refine";
import type { Stages } from "./stages";

/** What both networks said of a hand last. */
export interface Memory {
  evidence: Evidence;
  /** The estimator's, before the fit and without evidence. */
  own: OwnJoints;
}

export interface Networks {
  landmarks: LandmarkNetwork;
  estimator: OneHandNetwork;
  /** Of hands near each other. */
  pairs: PairSource;
  /** The figures of a system by its name. */
  calibrationOf(system: string): Calibration;
}

/** Answers in the order of `predicted`. */
export async function estimateTracked(
  networks: Networks,
  picture: Picture,
  camera: Camera,
  predicted: readonly Predicted<Memory>[],
  { look, ask }: Asked,
  stages: Stages,
): Promise<TrackedHand<Memory>[]> {
  const { landmarks, estimator, pairs } = networks;
  const { width } = picture;
  const squares = predicted.map(({ joints_px }) => jointsToSquare(joints_px));
  const sides = predicted.map(({ side }) => side);
  const boxes = predicted.map(({ joints_px }) => extent(joints_px));
  const near = new Set(pairBoxes(boxes, sides).flat());
  if (near.size > 0) pairs.want();
  const together = await (near.size > 0 && pairs.isOn ? stages.timed("pairs", () => pairs.now()) : pairs.now());
  const needed = predicted.map(({ memory }, i) => !isKnown(memory) || (together !== null && near.has(i)));
  const looked = needed.map((value, i) => value || (look?.[i] ?? true));
  const asked = needed.map((value, i) => value || (ask?.[i] ?? true) || !looked[i]);
  const evidence: Evidence[] = squares.map((square) => unseen(square));
  const lookAt = async (numbers: readonly number[], at: readonly Square[], boxesToo: boolean) => {
    const looks = await landmarks.look(picture, numbers.map((i) => at[i]), { sideKnown: true, quickly: true });
    numbers.forEach((i, n) => {
      const one = looks[n];
      const found = one.landmarks.presence >= LEAST_PRESENCE;
      const box = found ? lookBox(one) : extent(predicted[i].joints_px);
      if (boxesToo && found) boxes[i] = box;
      evidence[i] = evidenceOf(box, one.joints_px, one.landmarks, one.square);
      if (!found) evidence[i].turn_rad = at[i].turn_rad;
    });
  };
  await stages.timed("landmarks", () => lookAt(numbersWhere(looked), squares, true));
  if (!asked.every(Boolean)) {
    evidence.forEach((each, i) => {
      asked[i] ||= !(isFound(each) && sameSquare(squares[i], jointsToSquare(each.joints_px)));
    });
  }
  const rows = numbersWhere(asked);
  const answers = await stages.timed("estimate", () =>
    estimator.ask(
      picture,
      camera,
      rows.map((i) => ({ box_px: boxes[i], side: predicted[i].side, turn_rad: evidence[i].turn_rad })),
      true,
    ),
  );
  const answerOf = new Map<number, Answer>(rows.map((i, n) => [i, answers[n]]));
  const own = predicted.map(({ side, memory }, i): OwnJoints => {
    const answer = answerOf.get(i);
    if (answer) return estimator.joints(answer, side, width);
    const carried = carriedJoints(memory!, evidence[i], camera);
    answerOf.set(i, estimator.given(carried, side, camera, width));
    return carried;
  });
  const notLooked = numbersWhere(looked.map((value) => !value));
  for (const i of notLooked) evidence[i] = carriedEvidence(predicted[i].memory!, own[i]);
  const lost = notLooked.filter((i) => !sameSquare(squares[i], jointsToSquare(own[i].px)));
  await stages.timed("landmarks", () => lookAt(lost, own.map(({ px }) => jointsToSquare(px)), false));
  for (const i of lost) looked[i] = true;
  const met = together ? pairBoxes(boxes, sides) : [];
  const joined =
    met.length > 0 ? await stages.timed("pairs", () => together!.ask(picture, camera, boxes, met, own, evidence)) : null;
  const anyFound = evidence.some((each, i) => !joined?.has(i) && isFound(each));
  return stages.timed("fit", () =>
    predicted.map(({ side, start: known }, i) => {
      const start = known ?? UNKNOWN_START;
      const seen = joined?.get(i);
      const fused = seen
        ? together!.fit(seen, side, camera, evidence[i], start)
        : estimator.fit(answerOf.get(i)!, side, width, anyFound ? evidence[i] : null, start);
      const calibration = networks.calibrationOf(seen?.system ?? estimator.name);
      const certainty = calibration.of(fused, boxes[i], side, evidence[i], picture);
      const hand: EstimatedHand = {
        side,
        confidence: certainty.confidence,
        state: "observed",
        box_px: boxes[i],
        joints_px: fused.joints_px,
        joints_m: fused.joints_m,
        pose_rad: fused.pose_rad,
        shape: fused.shape,
        joint_error_px: certainty.joint_error_px,
        joint_error_m: certainty.joint_error_m,
        system: seen?.system ?? estimator.name,
      };
      if (hand.confidence < DOUBTFUL) hand.state = "doubtful";
      return {
        hand,
        presence: evidence[i].presence,
        right: evidence[i].right,
        looked: looked[i],
        asked: asked[i],
        memory: { evidence: evidence[i], own: own[i] },
      };
    }),
  );
}

/** Of a hand of which nothing is known. Not null: a fit that might have a start takes fewer steps, as in Python. */
const UNKNOWN_START: FitStart = {
  pose_rad: new Float64Array(48).fill(NaN),
  shape: new Float64Array(10).fill(NaN),
};

/** Whether both networks have spoken of a hand. */
function isKnown(memory: Memory | null): boolean {
  return memory !== null && isFinite(memory.own.px) && isFinite(memory.evidence.joints_px);
}

/** Of a hand that was not looked at, which is turned as its square is. */
function unseen(square: Square): Evidence {
  const nothing = (count: number) => new Float64Array(count).fill(NaN);
  return {
    box_px: nothing(4),
    joints_px: nothing(42),
    joints_m: nothing(63),
    presence: 0,
    right: 0.5,
    turn_rad: square.turn_rad,
  };
}

/** What the landmark network would say now, by what it said last. */
function carriedEvidence({ evidence: last, own: before }: Memory, own: OwnJoints): Evidence {
  const turn = handRoll(own.px) - handRoll(before.px);
  const px = movedAlong(last.joints_px, before.px, own.px, turn);
  return {
    box_px: extent(px),
    joints_px: px,
    joints_m: bentAlong(last.joints_m, before.m, own.m, turn),
    presence: last.presence,
    right: last.right,
    turn_rad: handRoll(px),
  };
}

/** What the estimator would say now, by what it said last; nearer or farther away as its size in the picture says. */
function carriedJoints({ own: last, evidence: before }: Memory, evidence: Evidence, lens: Lens): OwnJoints {
  const turn = evidence.turn_rad - before.turn_rad;
  const px = movedAlong(last.px, before.joints_px, evidence.joints_px, turn);
  const m = bentAlong(last.m, before.joints_m, evidence.joints_m, turn);
  const larger = spread(flat(m), 2) / spread(flat(last.m), 2);
  const depth = (middle(last.m, 3)[2] * larger * spread(last.px, 2)) / spread(px, 2);
  return {
    px,
    m: lift(px, (joint) => depth + m[3 * joint + 2], lens),
    confidence: last.confidence,
    branches_px: last.branches_px,
  };
}

/** Joints that lie from others as they did, in a hand that has turned in the picture. */
function movedAlong(mine: Float64Array, others: Float64Array, now: Float64Array, turn_rad: number): Float64Array {
  const larger = spread(now, 2) / spread(others, 2);
  const off = turnedPx(mine.map((value, i) => value - others[i]), turn_rad);
  return now.map((value, i) => value + larger * off[i]);
}

/** The same of joints in metres round their middle, whose size stays. */
function bentAlong(mine: Float64Array, others: Float64Array, now: Float64Array, turn_rad: number): Float64Array {
  const [own, before, after] = [centred(mine, 3), centred(others, 3), centred(now, 3)];
  const [size, sizeBefore, sizeAfter] = [spread(mine, 3), spread(others, 3), spread(now, 3)];
  const off = turnedAboutZ(own.map((value, i) => value - (size / sizeBefore) * before[i]), turn_rad);
  return off.map((value, i) => value + (size / sizeAfter) * after[i]);
}

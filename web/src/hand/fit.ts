/** What a hand was like a moment ago, to start a fit from; its wrist's rotation does not count. */
export interface FitStart {
  /** 16 x 3 rotation vectors, of the rig of the hand's side. */
  pose_rad: Float64Array;
  /** 10. */
  shape: Float64Array;
}

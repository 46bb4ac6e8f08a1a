/** The radio's sounds, made from noise and tones: nothing is fetched. */

/** Seconds. */
const CLICK_S = 0.03;
const BEEP_S = 0.09;

export class RadioSound {
  /** Presses that were answered by a sound. */
  played = 0;
  private context: AudioContext | null = null;
  private hiss: { source: AudioBufferSourceNode; gain: GainNode } | null = null;

  /** @param wanted whether sounds may be played now. */
  constructor(private readonly wanted: () => boolean) {}

  /** The button goes down: a click, then the hiss of an open channel. Browsers are silent before a first tap or key. */
  press(): void {
    if (!this.wanted()) return;
    this.context ??= new AudioContext();
    const { context } = this;
    if (context.state === "suspended") void context.resume();
    this.played++;
    this.tone(1900, CLICK_S, 0.12);
    this.endHiss();
    const source = new AudioBufferSourceNode(context, { buffer: noise(context), loop: true });
    const band = new BiquadFilterNode(context, { type: "bandpass", frequency: 1500, Q: 0.8 });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.linearRampToValueAtTime(0.07, context.currentTime + 0.05);
    source.connect(band).connect(gain).connect(context.destination);
    source.start();
    this.hiss = { source, gain };
  }

  /** The button comes up: the hiss ends with two tones. */
  release(): void {
    this.endHiss();
    if (!this.context || !this.wanted()) return;
    this.tone(1040, BEEP_S, 0.1);
    this.tone(780, BEEP_S, 0.1, BEEP_S);
  }

  /** Silence at once. */
  stop(): void {
    this.endHiss();
  }

  private endHiss(): void {
    if (!this.hiss || !this.context) return;
    const { source, gain } = this.hiss;
    const end = this.context.currentTime + 0.03;
    gain.gain.cancelScheduledValues(this.context.currentTime);
    gain.gain.linearRampToValueAtTime(0, end);
    source.stop(end);
    this.hiss = null;
  }

  private tone(frequency_hz: number, length_s: number, loudness: number, after_s = 0): void {
    const { context } = this;
    if (!context) return;
    const start = context.currentTime + after_s;
    const oscillator = new OscillatorNode(context, { type: "triangle", frequency: frequency_hz });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(loudness, start);
    gain.gain.exponentialRampToValueAtTime(1e-3, start + length_s);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(start);
    oscillator.stop(start + length_s);
  }
}

function noise(context: BaseAudioContext): AudioBuffer {
  const buffer = new AudioBuffer({ length: context.sampleRate, sampleRate: context.sampleRate });
  const samples = buffer.getChannelData(0);
  for (let at = 0; at < samples.length; at++) samples[at] = 2 * Math.random() - 1;
  return buffer;
}

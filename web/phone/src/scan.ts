// Reads QR codes: by the browser where it can, else by a decoder that is loaded for that.

type Source = ImageBitmap | HTMLVideoElement;
type Reader = (source: Source) => Promise<string | null>;

interface Detector {
  detect(source: Source): Promise<{ rawValue: string }[]>;
}
interface DetectorClass {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

const WIDEST = 960;

async function nativeReader(): Promise<Reader | null> {
  const { BarcodeDetector } = globalThis as { BarcodeDetector?: DetectorClass };
  const formats = await BarcodeDetector?.getSupportedFormats().catch((): string[] => []);
  if (!BarcodeDetector || !formats?.includes('qr_code')) return null;
  const detector = new BarcodeDetector({ formats: ['qr_code'] });
  return async (source) => (await detector.detect(source))[0]?.rawValue ?? null;
}

async function ownReader(): Promise<Reader> {
  const { decodeQR } = await import('qr/decode.js');
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  return async (source) => {
    const [width, height] = source instanceof HTMLVideoElement ? [source.videoWidth, source.videoHeight] : [source.width, source.height];
    const scale = Math.min(1, WIDEST / Math.max(width, height));
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    const still = source instanceof ImageBitmap ? { effort: Infinity, timeLimit: 2000 } : {};
    try {
      return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height), still);
    } catch {
      return null;
    }
  };
}

export async function makeReader(): Promise<Reader> {
  return (await nativeReader()) ?? ownReader();
}

const FRAME_MS = 120;

/** Looks through the camera until a code is seen or `signal` ends it. Throws where there is no camera to look through. */
export async function scan(video: HTMLVideoElement, signal: AbortSignal): Promise<string | null> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
  try {
    const reader = await makeReader();
    video.srcObject = stream;
    await video.play();
    while (!signal.aborted) {
      const text = video.readyState >= 2 ? await reader(video).catch(() => null) : null;
      if (text) return text;
      await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    }
    return null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}

/** The code in a picture, such as a screenshot. */
export async function readPicture(file: Blob): Promise<string | null> {
  const picture = await createImageBitmap(file);
  return (await makeReader())(picture);
}

// Sends requests to the server. A static build can replace this file with one that runs the detector in the browser.

let token = "";
const TRIES = 5;

export class Failed extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export function useToken(given) { token = given; }

async function asked(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Failed(0, "unreachable", "The server does not answer.");
  }
  if (response.ok) return response.json();
  const found = await response.json().catch(() => ({}));
  const failed = new Failed(response.status, found.error ?? "", found.detail ?? `The server answered ${response.status}.`);
  failed.wait = Number(response.headers.get("Retry-After") ?? 0);
  throw failed;
}

export const about = () => asked("detector");

// While the server is busy, `waiting` is called with the seconds until the next attempt.
export async function predict(file, heat, waiting) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await asked(`predict?heat=${heat ? 1 : 0}`, {
        method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" },
      });
    } catch (error) {
      if (error.status !== 429 || tried === TRIES) throw error;
      waiting(error.wait);
      await new Promise((resume) => setTimeout(resume, 1000 * error.wait));
    }
  }
}

// A picture without a score: status and code as in the HTTP API, and a sentence.

export class Failed extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

// Streamed responses. `awslambda` is a global that AWS's runtime brings.
import { setTimeout as later } from "node:timers/promises";

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  await actions[event.do](stream);
});

const actions = {
  text: async (stream) => {
    stream.setContentType("text/plain");
    stream.write("one ");
    await later(20);
    stream.end("two");
  },
  http: async (stream) => {
    const response = awslambda.HttpResponseStream.from(stream, {
      statusCode: 202,
      headers: { "content-type": "text/html" },
      cookies: ["a=1"],
    });
    response.write("<p>");
    response.end("</p>");
  },
  fail: async () => {
    throw new TypeError("before the first byte");
  },
  fail_in_the_middle: async (stream) => {
    stream.write("half an ");
    await later(20);
    throw new TypeError("after the first bytes");
  },
};

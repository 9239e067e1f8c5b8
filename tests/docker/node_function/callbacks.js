// A CommonJS module with a callback, as functions were written before promises.
let replays = 0;
let ticks = 0;

exports.handler = (event, context, callback) => {
  replays += 1;
  actions[event.do](event, context, callback);
};

const actions = {
  count: (event, context, callback) => callback(null, replays),
  fail: (event, context, callback) => callback(new TypeError("no such sku")),
  fail_with_text: (event, context, callback) => callback("only a text"),
  throw: () => {
    throw new TypeError("thrown, not called back");
  },
  never: () => {},
  succeed: (event, context) => context.succeed("succeeded"),
  after_the_answer: (event, context, callback) => {
    context.callbackWaitsForEmptyEventLoop = event.waits;
    ticks = 0;
    setTimeout(() => {
      ticks += 1;
    }, 300);
    callback(null, "answered");
  },
  ticks: (event, context, callback) => callback(null, ticks),
};

// Runs AWS's runtime client on the function's handler, as /var/runtime/index.mjs in AWS's images.
import { run } from "./aws-lambda-ric.mjs";

await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);

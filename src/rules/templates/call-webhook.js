/**
 * @title Tell another service
 * @category call
 * @description Posts who logged in to an address of yours, and lets the login go on whatever it answers.
 */
async function (user, context, callback) {
  // set WEBHOOK_URL and WEBHOOK_SECRET in the rules' configuration
  try {
    await fetch(configuration.WEBHOOK_URL, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer ' + configuration.WEBHOOK_SECRET },
      body: JSON.stringify({ user_id: user.user_id, application: context.clientName, at: new Date().toISOString() })
    });
  } catch (error) {
    console.error('The webhook could not be reached:', error.message);
  }
  callback(null, user, context);
}

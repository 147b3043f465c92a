function (user, context, callback) {

    // run only for the specified applications
    var CLIENTS_WITH_MFA = ['REPLACE_WITH_YOUR_CLIENT_ID'];
    
    if (CLIENTS_WITH_MFA.indexOf(context.clientID) !== -1) {
        if (user.app_metadata && user.app_metadata.use_mfa){

            context.multifactor = {
                // required
                provider: 'guardian', 

                // set to false to force Guardian authentication every login
                allowRememberBrowser: false
            };
        }
    }

    callback(null, user, context);
}

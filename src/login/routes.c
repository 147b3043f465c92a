#include "login/routes.h"

#include "base/compiler.h"
#include "login/assets.h"
#include "login/dbconnections.h"
#include "login/email_verification.h"
#include "login/first_administrator.h"
#include "login/identifier.h"
#include "login/mfa.h"
#include "login/password.h"
#include "login/reset_change.h"
#include "login/reset_request.h"
#include "login/signup.h"
#include "login/unblock.h"

static const struct http_route routes[] = {
    {"GET", "/u/assets/{name}", login_get_asset, HTTP_ON_LOOP, "assets"},

    {"GET", "/u/login", login_get_start, 0, "login"},
    {"POST", "/u/login", login_post_both, 0, "login"},
    {"GET", "/u/login/identifier", login_get_identifier, 0, "login"},
    {"POST", "/u/login/identifier", login_post_identifier, 0, "login"},
    {"GET", "/u/login/password", login_get_password, 0, "login"},
    {"POST", "/u/login/password", login_post_password, 0, "login"},

    {"GET", "/u/signup", signup_get_start, 0, "signup"},
    {"POST", "/u/signup", signup_post_both, 0, "signup"},
    {"GET", "/u/signup/identifier", signup_get_identifier, 0, "signup"},
    {"POST", "/u/signup/identifier", signup_post_identifier, 0, "signup"},
    {"GET", "/u/signup/password", signup_get_password, 0, "signup"},
    {"POST", "/u/signup/password", signup_post_password, 0, "signup"},

    {"GET", "/u/login/password-reset-start/{connection}", reset_get_start, 0, "reset"},
    {"GET", "/u/reset-password/request/{connection}", reset_get_request, 0, "reset"},
    {"POST", "/u/reset-password/request/{connection}", reset_post_request, 0, "reset"},
    {"GET", "/u/reset-verify", reset_get_verify, 0, "reset"},
    {"GET", "/u/reset-password", reset_get_verify, 0, "reset"},
    {"GET", "/u/reset-password/change", reset_get_change, 0, "reset"},
    {"POST", "/u/reset-password/change", reset_post_change, 0, "reset"},

    {"GET", "/u/email-verification", email_verification_get, 0, "email-verification"},
    {"GET", "/u/brute-force-protection/unblock", unblock_get, 0, "unblock"},
    {"POST", "/u/brute-force-protection/unblock", unblock_post, 0, "unblock"},

    {"GET", "/admin/sign-in", first_administrator_get, 0, "admin"},
    {"POST", "/admin/sign-in", first_administrator_post, 0, "admin"},

    {"POST", "/dbconnections/signup", dbconnections_signup, HTTP_CORS, "dbconnections"},
    {"POST", "/dbconnections/change_password", dbconnections_change_password, HTTP_CORS, "dbconnections"},

    {"GET", "/u/mfa-detect-browser-capabilities", mfa_get_start, 0, "mfa"},
    {"POST", "/u/mfa-detect-browser-capabilities", mfa_get_start, 0, "mfa"},
    {"GET", "/u/mfa-login-options", mfa_get_login_options, 0, "mfa"},
    {"POST", "/u/mfa-login-options", mfa_post_login_options, 0, "mfa"},
    {"GET", "/u/mfa-begin-enroll-options", mfa_get_enroll_options, 0, "mfa"},
    {"POST", "/u/mfa-begin-enroll-options", mfa_post_enroll_options, 0, "mfa"},
    {"GET", "/u/mfa-enroll-options", mfa_get_enroll_options, 0, "mfa"},
    {"POST", "/u/mfa-enroll-options", mfa_post_enroll_options, 0, "mfa"},
    {"GET", "/u/mfa-otp-enrollment", mfa_get_otp_enrollment, 0, "mfa"},
    {"POST", "/u/mfa-otp-enrollment", mfa_post_otp_enrollment, 0, "mfa"},
    {"GET", "/u/mfa-otp-challenge", mfa_get_otp_challenge, 0, "mfa"},
    {"POST", "/u/mfa-otp-challenge", mfa_post_otp_challenge, 0, "mfa"},
    {"GET", "/u/mfa-sms-enrollment", mfa_get_sms_enrollment, 0, "mfa"},
    {"POST", "/u/mfa-sms-enrollment", mfa_post_sms_enrollment, 0, "mfa"},
    {"GET", "/u/mfa-sms-enrollment-verify", mfa_get_sms_enrollment_verify, 0, "mfa"},
    {"POST", "/u/mfa-sms-enrollment-verify", mfa_post_sms_enrollment_verify, 0, "mfa"},
    {"GET", "/u/mfa-sms-challenge", mfa_get_sms_challenge, 0, "mfa"},
    {"POST", "/u/mfa-sms-challenge", mfa_post_sms_challenge, 0, "mfa"},
    {"GET", "/u/mfa-push-enrollment", mfa_get_push_enrollment, 0, "mfa"},
    {"POST", "/u/mfa-push-enrollment", mfa_post_push_enrollment, 0, "mfa"},
    {"GET", "/u/mfa-push-challenge", mfa_get_push_challenge, 0, "mfa"},
    {"POST", "/u/mfa-push-challenge", mfa_post_push_challenge, 0, "mfa"},
    {"GET", "/u/mfa-push-challenge-code", mfa_get_push_code, 0, "mfa"},
    {"POST", "/u/mfa-push-challenge-code", mfa_post_push_code, 0, "mfa"},
    {"GET", "/u/mfa-recovery-code-enrollment", mfa_get_recovery_code_enrollment, 0, "mfa"},
    {"POST", "/u/mfa-recovery-code-enrollment", mfa_post_recovery_code_enrollment, 0, "mfa"},
    {"GET", "/u/mfa-recovery-code-challenge", mfa_get_recovery_code_challenge, 0, "mfa"},
    {"POST", "/u/mfa-recovery-code-challenge", mfa_post_recovery_code_challenge, 0, "mfa"},
    {"GET", "/u/mfa-recovery-code-challenge-new-code", mfa_get_new_recovery_code, 0, "mfa"},
    {"POST", "/u/mfa-recovery-code-challenge-new-code", mfa_post_new_recovery_code, 0, "mfa"},
    {"GET", "/u/mfa-duo", mfa_get_duo, 0, "mfa"},
    {"GET", "/u/mfa-duo/callback", mfa_get_duo_callback, 0, "mfa"},
    {"GET", "/u/mfa-events", mfa_get_events, 0, "events"},
    {"GET", "/u/mfa-enroll-result", mfa_get_enroll_result, 0, "mfa"},
    {"GET", "/u/mfa-widget", mfa_get_widget, 0, "mfa"},
    {"POST", "/u/mfa-widget", mfa_post_widget, 0, "mfa"},
    {"POST", "/mfa/enrollment", mfa_post_enrollment_ticket, 0, "mfa"},
    {"GET", "/mfa/enrollment", mfa_get_enrollment_ticket, 0, "mfa"},
};

const struct http_routes login_routes = {routes, ARRAY_LENGTH(routes)};

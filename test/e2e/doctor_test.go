package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func TestDoctorReportsWhatWorksAndWhatToFix(t *testing.T) {
	t.Parallel()
	bucket, foyerURL := env.Bucket(t), "http://127.0.0.1:"+strconv.Itoa(env.FreePort(t))
	liveKit, _ := env.StartEgress(t, foyerURL+"/webhooks/livekit", nil)
	environ := inProduction(t, foyerURL, liveKit.URL(), liveKit.Key(), liveKit.Secret(), bucket.Environ()...)
	startServer(t, environ...)
	out, errOut, exit := foyer(t, environ, "doctor")
	require.Zero(t, exit, out+errOut)
	assert.Regexp(t, `(?m)^ok +database +PostgreSQL 1\d`, out)
	assert.Regexp(t, `(?m)^ok +redis +Redis \d`, out)
	for _, part := range []string{"livekit", "entrance", "sharing", "webhook", "proxies", "egress", "bucket", "clock"} {
		assert.Regexp(t, "(?m)^ok +"+part, out)
	}
	for _, part := range []string{"sign-in", "e-mail"} {
		assert.Regexp(t, "(?m)^- +"+part, out)
	}

	nowhere := "127.0.0.1:1"
	for part, broken := range map[string][]string{
		"database": {"DATABASE_URL=postgres://u:hidden@" + nowhere + "/db"},
		"redis":    {"REDIS_URL=redis://:hidden@" + nowhere},
		"livekit":  {"LIVEKIT_API_SECRET=" + strings.Repeat("y", minSecret)},
		"entrance": {"LIVEKIT_PUBLIC_URL=wss://nowhere.invalid"},
		"webhook":  {"FOYER_PUBLIC_URL=http://" + nowhere},
		"bucket":   {"S3_SECRET_KEY=another@hidden@"},
		"sign-in": {
			"FOYER_OIDC_ISSUER=http://" + nowhere, "FOYER_OIDC_CLIENT_ID=foyer", "FOYER_OIDC_CLIENT_SECRET=x",
		},
		"e-mail": {"FOYER_SMTP_URL=smtp://user:hidden@" + nowhere, "FOYER_MAIL_FROM=foyer@example.org"},
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			out, errOut, exit := foyer(t, slices.Concat(environ, broken), "doctor")
			assert.Equal(t, exitFailed, exit, out+errOut)
			assert.Regexp(t, "(?m)^FAIL +"+part, out)
			assert.NotRegexp(t, "(?m)^FAIL +sharing", out, "nobody else is to blame")
			assert.NotContains(t, out+errOut, "hidden@")
			assert.NotContains(t, out, "older than this program", "a database that does not answer may be up to date")
		})
	}
}

// TestDoctorFindsADatabaseThatTwoInstallationsUse: each installation would remove the other's people.
func TestDoctorFindsADatabaseThatTwoInstallationsUse(t *testing.T) {
	t.Parallel()
	own := append(shared(t), "FOYER_DEPLOYMENT=first")
	s, liveKit := startServerWithLiveKit(t, own...)
	s.join("", object{"roomId": s.room(s.login("Olga Owner"), object{"accessLevel": "PUBLIC"}), "displayName": "Anna"})
	sharing := func(deployment string) string {
		out, errOut, _ := foyer(t, append(slices.Clone(own), "LIVEKIT_URL="+liveKit.URL(),
			"LIVEKIT_API_KEY="+liveKit.Key(),
			"LIVEKIT_API_SECRET="+liveKit.Secret(), "FOYER_DEPLOYMENT="+deployment), "doctor")
		return out + errOut
	}
	assert.Regexp(t, `(?m)^FAIL +sharing +people of "first" are in 1 rooms of this database`, sharing("second"))
	assert.Regexp(t, `(?m)^ok +sharing +first`, sharing("first"))
}

func TestDoctorTestsTheSMTPServerWithoutSending(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer error
		want   string
	}{
		"takes it": {nil, `(?m)^ok +e-mail +the SMTP server takes mail of foyer@example\.org$`},
		"has no such mailbox": {
			&gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "unknown user"},
			`(?m)^ok +e-mail +.*bounces are lost$`,
		},
		"does not take our sender": {
			&gosmtp.SMTPError{Code: 553, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: "sender not owned"},
			`(?m)^FAIL +e-mail +.*553 5\.7\.1 sender not owned`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			smtp := env.NewSMTP(t)
			smtp.OnRecipient = func(string) error { return test.answer }
			smtp.Start()
			out, errOut, _ := foyer(t, []string{
				"FOYER_SMTP_URL=smtp://" + smtp.Addr() + "?tls=none", "FOYER_MAIL_FROM=Foyer <foyer@example.org>",
			}, "doctor")
			assert.Regexp(t, test.want, out, errOut)
			assert.Empty(t, smtp.Received())
		})
	}
}

// inProduction are the settings of a Foyer outside development mode at its own address.
func inProduction(t *testing.T, foyerURL, liveKit, key, secret string, more ...string) []string {
	return append(append(shared(t), "FOYER_SECRET="+strings.Repeat("x", minSecret),
		"FOYER_ADDR="+strings.TrimPrefix(foyerURL, "http://"), "FOYER_PUBLIC_URL="+foyerURL,
		"LIVEKIT_URL="+liveKit, "LIVEKIT_API_KEY="+key, "LIVEKIT_API_SECRET="+secret), more...)
}

// TestDoctorFindsALiveKitWithoutWebhookOrEgress: one LiveKit without webhook and Redis, and one with Redis but
// without an egress service.
func TestDoctorFindsALiveKitWithoutWebhookOrEgress(t *testing.T) {
	t.Parallel()
	url, key, secret := env.LiveKit(t)
	alone, egress := env.StartEgress(t, "", nil)
	egress.Crash()
	for name, set := range map[string]struct{ url, key, secret, egress string }{
		"no Redis":  {url, key, secret, "redis required"},
		"no egress": {alone.URL(), alone.Key(), alone.Secret(), "no egress service answers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			foyerURL := "http://127.0.0.1:" + strconv.Itoa(env.FreePort(t))
			environ := inProduction(t, foyerURL, set.url, set.key, set.secret, env.Bucket(t).Environ()...)
			startServer(t, environ...)
			out, _, exit := foyer(t, environ, "doctor")
			assert.Equal(t, exitFailed, exit)
			assert.Regexp(t, `(?m)^FAIL +webhook .* no event of a new room has come from LiveKit$`, out)
			assert.Regexp(t, `(?m)^FAIL +egress .*`+set.egress, out)
			assert.Regexp(t, `(?m)^ok +entrance`, out)
		})
	}
}

// TestDoctorDoesNotBlameTheCredentialsWhenAStorageRequiresAnotherStyle. The codes and messages are those that Alibaba
// Cloud, Tencent Cloud and Huawei Cloud document. A storage gives no reason in its answer to HEAD.
func TestDoctorDoesNotBlameTheCredentialsWhenAStorageRequiresAnotherStyle(t *testing.T) {
	t.Parallel()
	for code, message := range map[string]string{
		"SecondLevelDomainForbidden": "Please use virtual hosted style to access.",
		"PathStyleDomainForbidden":   "The bucket must be addressed using COS virtual-styled domain.",
		"VirtualHostDomainRequired":  "Virtual host domain is required when you access a specific bucket.",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(http.StatusForbidden)
				if r.Method != http.MethodHead {
					fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
				}
			}))
			t.Cleanup(storage.Close)
			environ := append(env.Bucket(t).Environ(), "S3_ENDPOINT="+storage.URL)
			out, errOut, exit := foyer(t, environ, "doctor")
			assert.Equal(t, exitFailed, exit)
			assert.Regexp(t, `(?m)^FAIL +bucket .*virtual-host style.*`+code+`\n +choose a storage`, out, errOut)
		})
	}
}

// TestDoctorCountsTheProxies between itself and Foyer, and finds settings that differ.
func TestDoctorCountsTheProxies(t *testing.T) {
	t.Parallel()
	liveKit, key, secret := env.LiveKit(t)
	certificate := secured(t, http.NotFoundHandler()).Certificate()
	for _, test := range []struct {
		proxies, header, want string
	}{
		{"1", "X-Forwarded-For", `ok +proxies +1 on the way`},
		{"0", "X-Forwarded-For", `FAIL +proxies .*FOYER_TRUSTED_PROXIES is 0: all clients share`},
		{"2", "X-Forwarded-For", `FAIL +proxies .*FOYER_TRUSTED_PROXIES is 2: clients choose`},
		{"1", "Forwarded", `FAIL +proxies +1 add to X-Forwarded-For and none to Forwarded`},
	} {
		t.Run(test.proxies+test.header, func(t *testing.T) {
			t.Parallel()
			foyerURL := "http://127.0.0.1:" + strconv.Itoa(env.FreePort(t))
			nginx := startNginx(t, foyerURL, "http://127.0.0.1:1", certificate)
			environ := inProduction(t, foyerURL, liveKit, key, secret, "FOYER_PUBLIC_URL="+nginx.URL(),
				"FOYER_TRUSTED_PROXIES="+test.proxies, "FOYER_PROXY_HEADER="+test.header)
			startServer(t, environ...)
			out, _, _ := foyer(t, environ, "doctor")
			assert.Regexp(t, "(?m)^"+test.want, out)
		})
	}
}

func TestVersionIsPrinted(t *testing.T) {
	t.Parallel()
	out, _, exit := foyer(t, nil, "version")
	assert.Zero(t, exit)
	assert.Regexp(t, `^foyer \S+\n$`, out)
}

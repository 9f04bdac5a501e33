package apps_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts/apps"
	"foyer/internal/fault"
	"foyer/test/env"
)

func TestAllBadCredentialsGetTheSameErrorForTheSameWork(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		_, good := w.app(t)
		_, other := w.app(t)
		_, revoked := w.app(t)
		require.NoError(t, w.Revoke(t.Context(), revoked.ClientID))
		_, ended := w.app(t)
		_, err := w.Rotate(t.Context(), ended.ClientID, 0)
		require.NoError(t, err)
		tests := map[string]apps.Request{
			"an unknown client":            {ClientID: "foyer_app_" + strings.Repeat("a", 26), Secret: good.Secret},
			"a wrong secret":               {ClientID: good.ClientID, Secret: good.Secret + "x"},
			"another's secret":             {ClientID: good.ClientID, Secret: other.Secret},
			"no secret":                    {ClientID: good.ClientID},
			"no client":                    {Secret: good.Secret},
			"nothing":                      {},
			"a revoked client":             {ClientID: revoked.ClientID, Secret: revoked.Secret},
			"a revoked one's wrong secret": {ClientID: revoked.ClientID, Secret: "x"},
			"a secret that has ended":      {ClientID: ended.ClientID, Secret: ended.Secret},
			"a client of another case":     {ClientID: strings.ToUpper(good.ClientID), Secret: good.Secret},
			"NUL":                          {ClientID: good.ClientID + "\x00", Secret: good.Secret},
			"invalid UTF-8":                {ClientID: "\xff", Secret: "\xff"},
			"a pattern":                    {ClientID: "%", Secret: good.Secret},
			"a client of a kilobyte":       {ClientID: strings.Repeat("a", 1000), Secret: good.Secret},
		}
		hashes := w.tokens.CountHashes()
		messages := map[string]bool{}
		for name, request := range tests {
			// Other faults are not revealed without valid credentials.
			for _, r := range []apps.Request{request, {
				ClientID: request.ClientID, Secret: request.Secret, Address: address,
				GrantType: "client_credentials", User: adas,
			}} {
				hashes.Store(0)
				_, err := w.tokens.Issue(t.Context(), r)
				env.AssertFault(t, fault.Unauthenticated, err)
				assert.EqualValues(t, 1, hashes.Load(), name)
				assert.Empty(t, fault.Of(err).Details, name)
				messages[err.Error()] = true
			}
		}
		assert.Len(t, messages, 1)
		hashes.Store(0)
		w.issue(t, good)
		assert.EqualValues(t, 1, hashes.Load(), "as many as for good ones")
	})
}

func TestBothSecretsAreValidDuringTheOverlap(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		app, old := w.app(t)
		reads := func(token string) error {
			_, err := w.tokens.Read(t.Context(), token)
			return err
		}
		next := old
		first := w.issue(t, old)
		var err error
		next.Secret, err = w.Rotate(t.Context(), app.ClientID, time.Hour)
		require.NoError(t, err)
		second, third := w.issue(t, old), w.issue(t, next)
		for _, token := range []string{first, second, third} {
			assert.NoError(t, reads(token))
		}
		// The overlap ends.
		w.DB.Application.UpdateOneID(app.ID).
			SetPreviousSecretEndsAt(time.Now().Add(-time.Second)).ExecX(t.Context())
		_, err = w.tokens.Issue(t.Context(), old)
		env.AssertFault(t, fault.Unauthenticated, err)
		env.AssertFault(t, fault.Unauthenticated, reads(first))
		env.AssertFault(t, fault.Unauthenticated, reads(second))
		assert.NoError(t, reads(third))
		w.issue(t, next)

		last := next
		last.Secret, err = w.Rotate(t.Context(), app.ClientID, time.Hour)
		require.NoError(t, err)
		_, err = w.tokens.Issue(t.Context(), old)
		env.AssertFault(t, fault.Unauthenticated, err)
		env.AssertFault(t, fault.Unauthenticated, reads(first))
		assert.NoError(t, reads(third), "that of the secret before")
		w.issue(t, next)
		w.issue(t, last)

		_, err = w.Rotate(t.Context(), app.ClientID, 0)
		require.NoError(t, err)
		for _, r := range []apps.Request{old, next, last} {
			_, err = w.tokens.Issue(t.Context(), r)
			env.AssertFault(t, fault.Unauthenticated, err)
		}
		env.AssertFault(t, fault.Unauthenticated, reads(third))
	})
}

func TestConcurrentRotationsLeaveASecretThatSomebodyKnows(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		app, request := w.app(t)
		secrets := make(chan string, 10)
		for range cap(secrets) {
			go func() {
				secret, err := w.Rotate(t.Context(), app.ClientID, 0)
				if err != nil {
					env.AssertFault(t, fault.Conflict, err)
				}
				secrets <- secret
			}()
		}
		good := 0
		list := []string{}
		for range cap(secrets) {
			list = append(list, <-secrets)
		}
		for _, secret := range list {
			request.Secret = secret
			if _, err := w.tokens.Issue(t.Context(), request); err == nil {
				good++
			}
		}
		assert.Equal(t, 1, good)
	})
}

func TestUserMustBelongToADomainOfTheApplication(t *testing.T) {
	t.Parallel()
	tests := map[string]fault.Kind{
		"ada@example.org":                         "",
		"ADA@EXAMPLE.ORG":                         "",
		"ada+rooms@Example.org":                   "",
		"ada@xn--caf-dma.example":                 "",
		"ada@example.com":                         fault.Forbidden,
		"ada@sub.example.org":                     fault.Forbidden,
		"ada@notexample.org":                      fault.Forbidden,
		"ada@example.org.evil.example":            fault.Forbidden,
		"ada@org":                                 fault.Forbidden,
		"ada@[127.0.0.1]":                         fault.Forbidden,
		`"ada@example.org"@evil.example`:          fault.Invalid,
		"ada@example.org.":                        fault.Invalid,
		"ada@example.org@evil.example":            fault.Invalid,
		"ada@evil.example(@example.org)":          fault.Invalid,
		"ada@evil.example (example.org)":          fault.Invalid,
		"Ada <ada@example.org>":                   fault.Invalid,
		"<ada@example.org>":                       fault.Invalid,
		"ada@evil.example,bob@example.org":        fault.Invalid,
		" ada@example.org":                        fault.Invalid,
		"ada@example.org\n":                       fault.Invalid,
		"ada@example.org\x00":                     fault.Invalid,
		"ada@ｅxample.org":                         fault.Invalid, // a full-width e
		"ada@exampLe.or\u212a":                    fault.Invalid, // the Kelvin sign, a k in lower case
		"ada@café.example":                        "",            // the same as xn--caf-dma.example
		"ada@CAFÉ.example":                        "",
		"ada@caf\u212a.example":                   fault.Invalid,
		"ädä@example.org":                         fault.Invalid,
		"@example.org":                            fault.Invalid,
		"example.org":                             fault.Invalid,
		"":                                        fault.Invalid,
		strings.Repeat("a", 255) + "@example.org": fault.Invalid,
	}
	onEach(t, func(t *testing.T, w *world) {
		app, request := w.app(t)
		app.Update().SetEmailDomains([]string{"example.org", "xn--caf-dma.example"}).ExecX(t.Context())
		for email, want := range tests {
			request.User = email
			_, err := w.tokens.Issue(t.Context(), request)
			if want == "" {
				assert.NoError(t, err, "%q", email)
				continue
			}
			if assert.Error(t, err, "%q", email) {
				assert.Equal(t, want, fault.Of(err).Kind, "%q: %v", email, err)
			}
		}
		assert.Equal(t, 3, w.DB.User.Query().CountX(t.Context()), "nobody was made who is refused")

		app.Update().SetEmailDomains([]string{apps.AnyDomain}).ExecX(t.Context())
		request.User = "ada@anywhere.example"
		w.issue(t, request)
		app.Update().SetEmailDomains([]string{}).ExecX(t.Context())
		_, err := w.tokens.Issue(t.Context(), request)
		env.AssertFault(t, fault.Forbidden, err)
	})
}

func TestTokenHasTheRequestedScopesOfTheApplication(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		_, request := w.app(t, "rooms:create", "rooms:list", "rooms:update")
		for asked, want := range map[string]string{
			"":                                   "rooms:create rooms:list rooms:update",
			"   ":                                "rooms:create rooms:list rooms:update",
			"rooms:list":                         "rooms:list",
			"rooms:update rooms:list rooms:list": "rooms:list rooms:update",
		} {
			request.Scope = asked
			token, err := w.tokens.Issue(t.Context(), request)
			require.NoError(t, err)
			assert.Equal(t, want, strings.Join(token.Scopes, " "))
			viewer, err := w.tokens.Read(t.Context(), token.AccessToken)
			require.NoError(t, err)
			assert.Len(t, viewer.Scopes, len(token.Scopes))
		}
		for _, asked := range []string{
			"rooms:delete", "rooms:list rooms:delete", "rooms", "*", "ROOMS:LIST", "rooms:list,rooms:create",
		} {
			request.Scope = asked
			_, err := w.tokens.Issue(t.Context(), request)
			env.AssertFault(t, fault.Invalid, err)
			assert.Equal(t, "invalid_scope", fault.Of(err).Details["error"])
		}
		request.Scope = ""
		for grant, name := range map[string]any{
			"": nil, "password": "unsupported_grant_type", "Client_Credentials": "unsupported_grant_type",
		} {
			request.GrantType = grant
			_, err := w.tokens.Issue(t.Context(), request)
			env.AssertFault(t, fault.Invalid, err)
			assert.Equal(t, name, fault.Of(err).Details["error"], grant)
		}
	})
}

package main

import (
	"cmp"
	"context"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"foyer/accounts/apps"
	"foyer/auth"
	"foyer/graph/transport"
	"foyer/internal/fault"
)

const maxTokenRequest = 8 << 10 // bytes

// credentials returns the viewer of an Authorization header: an application or a user.
func (a *app) credentials(ctx context.Context, header string) (auth.Viewer, error) {
	if viewer, mine, err := a.apps.FromHeader(ctx, header); mine {
		return viewer, err
	}
	return a.callers.FromHeader(ctx, header)
}

// viewer returns who makes a request: an application for a user, a signed-in user, or nobody.
func (a *app) viewer(r *http.Request) (auth.Viewer, error) {
	if len(r.Header.Values("Authorization")) > 1 { // a proxy may have checked another one
		return auth.Viewer{}, fault.New(fault.Unauthenticated, "want one Authorization header, not several")
	}
	if viewer, mine, err := a.apps.FromHeader(r.Context(), r.Header.Get("Authorization")); mine {
		return viewer, err
	}
	return a.callers.FromRequest(r)
}

// tokenErrors are OAuth's error names of each kind of fault, with their statuses (RFC 6749 section 5.2). The fault's
// detail "error" overrides the name.
var tokenErrors = map[fault.Kind]struct {
	name   string
	status int
}{
	fault.Invalid:         {"invalid_request", http.StatusBadRequest},
	fault.Unauthenticated: {"invalid_client", http.StatusUnauthorized},
	fault.Forbidden:       {"invalid_grant", http.StatusBadRequest},
	fault.Conflict:        {"invalid_grant", http.StatusBadRequest},
	fault.RateLimited:     {"temporarily_unavailable", http.StatusTooManyRequests},
	fault.Unavailable:     {"temporarily_unavailable", http.StatusServiceUnavailable},
	fault.Internal:        {"server_error", http.StatusInternalServerError},
}

// issueToken is OAuth's token endpoint, for applications.
func (a *app) issueToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if transport.Encoded(r) {
		w.Header().Set("Accept-Encoding", "identity")
		answerToken(w, http.StatusUnsupportedMediaType, "invalid_request", transport.EncodedMessage)
		return
	}
	request, err := a.tokenRequest(w, r)
	if err != nil {
		refuseToken(w, r, err)
		return
	}
	token, err := a.apps.Issue(r.Context(), request)
	if err != nil {
		refuseToken(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": token.AccessToken, "token_type": "Bearer",
		"expires_in": int(token.ExpiresIn.Seconds()), "scope": strings.Join(token.Scopes, " "),
	})
}

func refuseToken(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	known, ok := tokenErrors[f.Kind]
	if !ok || f.Kind == fault.Internal {
		slog.ErrorContext(r.Context(), "a request for a token failed", "err", err)
		known = tokenErrors[fault.Internal]
	}
	if f.Kind == fault.Unauthenticated {
		w.Header().Set("WWW-Authenticate", `Basic realm="foyer"`)
	}
	tellRetryAfter(w, f)
	name, _ := f.Details["error"].(string)
	answerToken(w, known.status, cmp.Or(name, known.name), f.Message)
}

func answerToken(w http.ResponseWriter, status int, name, description string) {
	answer(w, status, map[string]any{"error": name, "error_description": description})
}

// tokenRequest reads a request for a token from its body only: URLs end up in logs.
func (a *app) tokenRequest(w http.ResponseWriter, r *http.Request) (apps.Request, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenRequest)
	if kind != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		return apps.Request{}, fault.New(fault.Invalid,
			"want a form of at most %d bytes, application/x-www-form-urlencoded", maxTokenRequest)
	}
	for _, values := range r.PostForm {
		if len(values) > 1 {
			return apps.Request{}, fault.New(fault.Invalid, "a parameter is given more than once")
		}
	}
	request := apps.Request{
		ClientID: r.PostForm.Get("client_id"), Secret: r.PostForm.Get("client_secret"),
		GrantType: r.PostForm.Get("grant_type"), User: r.PostForm.Get("user"),
		Scope: r.PostForm.Get("scope"), Address: a.addresses.of(r),
	}
	switch headers := r.Header.Values("Authorization"); {
	case strings.Join(headers, "") == "":
		return request, nil
	case len(headers) > 1:
		return request, fault.New(fault.Invalid, "the Authorization header is given more than once")
	case request.Secret != "":
		return request, fault.New(fault.Invalid,
			"the client's secret is given both in a header and in the body")
	}
	named := request.ClientID
	request.ClientID, request.Secret = basicClient(r)
	if named != "" && named != request.ClientID {
		return request, fault.New(fault.Invalid, "client_id is another than in the header")
	}
	return request, nil
}

// basicClient returns the client's id and secret from a Basic header, where they are encoded as in a form (RFC 6749
// section 2.3.1). It returns nothing for any other header: no client has an empty id.
func basicClient(r *http.Request) (id, secret string) {
	name, password, _ := r.BasicAuth()
	id, err := url.QueryUnescape(name)
	if err != nil {
		return "", ""
	}
	if secret, err = url.QueryUnescape(password); err != nil {
		return "", ""
	}
	return id, secret
}

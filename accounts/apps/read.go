package apps

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/internal/fault"
)

// claims are the claims of a token.
type claims struct {
	jwt.RegisteredClaims

	Application uuid.UUID `json:"client_id"`
	Generation  int       `json:"generation"`
	Scope       string    `json:"scope"`
}

func (t *Tokens) sign(
	app *ent.Application, generation int, userID uuid.UUID, scopes []string,
) (string, error) {
	now := time.Now()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID: uuid.NewString(), Subject: userID.String(), Audience: jwt.ClaimStrings{audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(t.settings.TTL)),
		},
		Application: app.ID, Generation: generation, Scope: strings.Join(scopes, " "),
	}).SignedString(t.key)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return tokenPrefix + signed, nil
}

// FromHeader returns the viewer of an Authorization header with the token of an application. If the header holds
// anything else, mine is false, and there is no error.
func (t *Tokens) FromHeader(
	ctx context.Context, header string,
) (viewer auth.Viewer, mine bool, err error) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(token, tokenPrefix) {
		return auth.Viewer{}, false, nil
	}
	viewer, err = t.Read(ctx, token)
	return viewer, true, err
}

// Read returns the viewer of a token: the user, and the application with its present scopes. The caller adds the
// network address. It fails with Unauthenticated for a token that Foyer has not issued or that has expired, and for a
// token whose application or secret has ended.
func (t *Tokens) Read(ctx context.Context, token string) (auth.Viewer, error) {
	if len(token) > maxToken {
		return auth.Viewer{}, refused(nil)
	}
	var said claims
	_, err := jwt.ParseWithClaims(strings.TrimPrefix(token, tokenPrefix), &said,
		func(*jwt.Token) (any, error) { return t.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway))
	if err != nil {
		return auth.Viewer{}, refused(err)
	}
	userID, err := uuid.Parse(said.Subject)
	if err != nil {
		return auth.Viewer{}, refused(err)
	}
	app, err := t.db.Application.Get(ctx, said.Application)
	switch {
	case ent.IsNotFound(err):
		return auth.Viewer{}, refused(err)
	case err != nil:
		return auth.Viewer{}, away(err)
	case !good(app, said.Generation):
		return auth.Viewer{}, refused(nil)
	}
	viewer := auth.Viewer{
		UserID: userID, ExpiresAt: said.ExpiresAt.Time, Application: app.ID, Scopes: []auth.Scope{},
	}
	for _, scope := range strings.Fields(said.Scope) {
		if slices.Contains(app.Scopes, scope) {
			viewer.Scopes = append(viewer.Scopes, auth.Scope(scope))
		}
	}
	return viewer, nil
}

func refused(cause error) error {
	return fault.From(cause, fault.Unauthenticated, "this token is not valid any more; ask for another")
}

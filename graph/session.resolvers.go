package graph

import (
	"context"

	"foyer/auth"
	"foyer/ent"
	"foyer/graph/generated"
)

func (r *mutationResolver) RevokeSession(ctx context.Context, input generated.RevokeSessionInput) (*generated.RevokeSessionPayload, error) {
	session, err := r.Sessions.Revoke(ctx, input.SessionID)
	return &generated.RevokeSessionPayload{Session: session}, err
}

func (r *mutationResolver) RevokeOtherSessions(ctx context.Context) (*generated.RevokeOtherSessionsPayload, error) {
	sessions, err := r.Sessions.RevokeOthers(ctx)
	return &generated.RevokeOtherSessionsPayload{Sessions: sessions}, err
}

func (r *sessionResolver) Current(ctx context.Context, obj *auth.Session) (bool, error) {
	return r.Sessions.Current(ctx, obj), nil
}

func (r *userResolver) Sessions(ctx context.Context, obj *ent.User) ([]*auth.Session, error) {
	return r.Resolver.Sessions.Of(ctx, obj.ID)
}

func (r *Resolver) Session() generated.SessionResolver { return &sessionResolver{r} }

type sessionResolver struct{ *Resolver }

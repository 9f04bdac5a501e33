package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/alexedwards/scs/v2"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"

	"foyer/internal/fault"
)

const (
	// cookieName holds a session's token in a browser. Where there is https, the prefix __Host- keeps
	// other hosts of the same domain from setting it.
	cookieName = "foyer_session"
	hostPrefix = "__Host-"
	// maxSessions is how many a user may have; the oldest end.
	maxSessions = 100
	// maxUserAgent is how many bytes are kept of what a browser says it is.
	maxUserAgent = 150
	// maxIDToken is how many bytes an ID token may have to be kept for the logout at its issuer.
	maxIDToken = 16 << 10
	tokenBytes = 32
	// sessionCache is how many sessions are remembered as they were read, some 300 bytes each.
	sessionCache = 10_000
)

// SessionSettings of Sessions.
type SessionSettings struct {
	// KeyPrefix stands in front of every key in Redis.
	KeyPrefix string
	// Lifetime ends a session however it is used, Idle when it is not used for so long. An open
	// socket or stream is a use.
	Lifetime, Idle time.Duration
	// Secure has browsers send cookies over https only.
	Secure bool
}

// Session is one browser in which a user is signed in.
type Session struct {
	// ID opens nothing.
	ID     uuid.UUID
	UserID uuid.UUID
	// CreatedAt and LastSeenAt are exact to a second or so.
	CreatedAt, LastSeenAt time.Time
	// UserAgent is what the browser said it is, shortened.
	UserAgent string

	endsAt  time.Time
	hash    string
	idToken string
}

// Sessions are who is signed in: random tokens, of which Redis has the hashes. A method that cannot
// reach Redis fails with Unavailable, and nobody is signed out by that.
type Sessions struct {
	manager *scs.SessionManager
	store   *store
	redis   redis.UniversalClient
	// read are the sessions that were read last, by their hash.
	read *lru.Cache[string, readSession]

	mu sync.Mutex
	// lives are what ends with each session, by its hash.
	lives map[string]map[*life]struct{}
}

// NewSessions returns Sessions. Run has to run for their sockets to end with them.
func NewSessions(client redis.UniversalClient, settings SessionSettings) *Sessions {
	name := cookieName
	if settings.Secure {
		name = hostPrefix + cookieName
	}
	store := &store{redis: client, prefix: settings.KeyPrefix, idle: settings.Idle}
	read, _ := lru.New[string, readSession](sessionCache) // fails for no size but 0
	return &Sessions{
		read: read,
		// Not scs.New(), which starts a goroutine for a store in memory.
		manager: &scs.SessionManager{
			Store: store, Codec: scs.GobCodec{}, Lifetime: settings.Lifetime,
			Cookie: scs.SessionCookie{
				Name: name, Path: "/", HttpOnly: true, Secure: settings.Secure,
				SameSite: http.SameSiteLaxMode, Persist: true,
			},
		},
		store: store, redis: client, lives: map[string]map[*life]struct{}{},
	}
}

// cookieOf returns the token in a request's cookie; empty when there is none that could be one.
func (s *Sessions) cookieOf(r *http.Request) string {
	cookie, err := r.Cookie(s.manager.Cookie.Name)
	if err != nil || !isSessionToken(cookie.Value) {
		return ""
	}
	return cookie.Value
}

func isSessionToken(text string) bool {
	if len(text) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil
}

// Start signs a user in: it sets the cookie of a new session and returns its token. The session that
// the browser had ends. The ID token, which may be empty, is kept for the end of the session.
func (s *Sessions) Start(
	w http.ResponseWriter, r *http.Request, userID uuid.UUID, idToken string,
) (string, error) {
	ctx, err := s.manager.Load(r.Context(), s.cookieOf(r))
	if err != nil {
		return "", away(err)
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return "", away(err)
	}
	_ = s.manager.Clear(ctx)
	if len(idToken) > maxIDToken {
		idToken = ""
	}
	s.manager.Put(ctx, keptID, uuid.NewString())
	s.manager.Put(ctx, keptUser, userID.String())
	s.manager.Put(ctx, keptCreatedAt, time.Now().Unix())
	s.manager.Put(ctx, keptUserAgent, shortened(r.UserAgent()))
	s.manager.Put(ctx, keptIDToken, idToken)
	token, end, err := s.manager.Commit(ctx)
	if err != nil {
		return "", away(err)
	}
	s.manager.WriteSessionCookie(ctx, w, token, end)
	return token, nil
}

// shortened makes what a browser says it is fit to be shown.
func shortened(userAgent string) string {
	userAgent = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, userAgent)
	return strings.ToValidUTF8(userAgent[:min(len(userAgent), maxUserAgent)], "")
}

// Read returns the viewer whose session has a token, or Unauthenticated. It is a use of the session.
func (s *Sessions) Read(ctx context.Context, token string) (Viewer, error) {
	hash := hashOf(token)
	kept, found, err := s.store.find(ctx, hash)
	if err != nil {
		return Viewer{}, away(err)
	}
	if !found {
		return Viewer{}, errEnded(nil)
	}
	viewer, err := s.viewerOf(hash, kept)
	if err != nil {
		return Viewer{}, errEnded(err)
	}
	if !viewer.ExpiresAt.After(time.Now()) {
		return Viewer{}, errEnded(nil)
	}
	return viewer, nil
}

// readSession is a session as it was last read, and the hash of what it was read from.
type readSession struct {
	from   [sha256.Size]byte
	viewer Viewer
}

// viewerOf returns the viewer whose session something is kept of. Of the sessions that were read last it
// is not decoded again while it is the same, which takes longer than to ask Redis for it.
func (s *Sessions) viewerOf(hash string, kept []byte) (Viewer, error) {
	from := sha256.Sum256(kept)
	if read, ok := s.read.Get(hash); ok && read.from == from {
		return read.viewer, nil
	}
	session, err := decode(hash, kept)
	if err != nil {
		return Viewer{}, err
	}
	viewer := Viewer{
		UserID: session.UserID, SessionID: session.ID, ExpiresAt: session.endsAt,
		sessionKey: session.hash,
	}
	s.read.Add(hash, readSession{from, viewer})
	return viewer, nil
}

// Shown reports whether a request shows a session, which may have ended.
func (s *Sessions) Shown(r *http.Request) bool { return s.cookieOf(r) != "" }

// End signs a browser out. It returns the ID token that the session began with, which is empty when
// there was none, or no session.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) (idToken string, err error) {
	token := s.cookieOf(r)
	if token == "" {
		return "", nil
	}
	ctx, err := s.manager.Load(r.Context(), token)
	if err != nil {
		return "", away(err)
	}
	idToken = s.manager.GetString(ctx, keptIDToken)
	if err := s.store.DeleteCtx(ctx, token); err != nil {
		return "", away(err)
	}
	s.manager.WriteSessionCookie(ctx, w, "", time.Time{})
	return idToken, nil
}

// Of returns a user's sessions, the one that was used last first; Forbidden to anybody else.
func (s *Sessions) Of(ctx context.Context, userID uuid.UUID) ([]*Session, error) {
	if userID != FromContext(ctx).UserID {
		return nil, fault.New(fault.Forbidden, "sessions are shown to their user alone")
	}
	return s.own(ctx)
}

// own returns the viewer's sessions.
func (s *Sessions) own(ctx context.Context) ([]*Session, error) {
	viewer := FromContext(ctx)
	if !viewer.SignedIn() {
		return nil, fault.New(fault.Unauthenticated, "sign in first")
	}
	sessions, err := s.store.list(ctx, viewer.UserID)
	if err != nil {
		return nil, away(err)
	}
	slices.SortFunc(sessions, func(a, b *Session) int {
		return cmp.Or(b.LastSeenAt.Compare(a.LastSeenAt), strings.Compare(a.hash, b.hash))
	})
	return sessions, nil
}

// Current reports whether a session is the one in which the viewer asks.
func (*Sessions) Current(ctx context.Context, session *Session) bool {
	return session.ID == FromContext(ctx).SessionID
}

// Revoke ends one of the viewer's own sessions, on every server; NotFound when he has no such one.
func (s *Sessions) Revoke(ctx context.Context, id uuid.UUID) (*Session, error) {
	sessions, err := s.own(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(sessions, func(session *Session) bool { return session.ID == id })
	if at < 0 {
		return nil, fault.New(fault.NotFound, "there is no such session").With("field", "sessionId")
	}
	if err := s.store.remove(ctx, sessions[at].hash); err != nil {
		return nil, away(err)
	}
	return sessions[at], nil
}

// RevokeOthers ends all of the viewer's sessions but the one in which he asks, and returns them.
func (s *Sessions) RevokeOthers(ctx context.Context) ([]*Session, error) {
	sessions, err := s.own(ctx)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(sessions, func(session *Session) bool { return s.Current(ctx, session) })
	for _, session := range others {
		if err := s.store.remove(ctx, session.hash); err != nil {
			return nil, away(err)
		}
	}
	return others, nil
}

func errEnded(cause error) error {
	return fault.From(cause, fault.Unauthenticated, "your session has ended; sign in again")
}

func away(err error) error {
	return fault.From(err, fault.Unavailable, "sessions cannot be reached; try again soon")
}

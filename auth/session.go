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
	// cookieName is the cookie that holds a session's token in a browser. With https, the prefix __Host- prevents other
	// hosts of the same domain from setting it.
	cookieName = "foyer_session"
	hostPrefix = "__Host-"
	// maxSessions is the maximum number of sessions of a user; the oldest ones end.
	maxSessions = 100
	// maxUserAgent is the maximum length of a stored User-Agent, in bytes.
	maxUserAgent = 150
	// maxIDToken is the maximum length of a stored ID token, in bytes. The logout at the issuer uses it.
	maxIDToken = 16 << 10
	tokenBytes = 32
	// sessionCache is how many decoded sessions are cached, about 300 bytes each.
	sessionCache = 10_000
)

// SessionSettings of Sessions.
type SessionSettings struct {
	// KeyPrefix is the prefix of every Redis key.
	KeyPrefix string
	// Lifetime ends a session in any case, Idle when it has not been used for that time. An open connection counts as
	// use.
	Lifetime, Idle time.Duration
	// Secure makes browsers send cookies only over https.
	Secure bool
}

// Session is one browser in which a user is signed in.
type Session struct {
	// ID is not a credential.
	ID     uuid.UUID
	UserID uuid.UUID
	// CreatedAt and LastSeenAt are accurate to about one second.
	CreatedAt, LastSeenAt time.Time
	// UserAgent is the name that the browser gave itself, shortened.
	UserAgent string

	endsAt  time.Time
	hash    string
	idToken string
}

// Sessions are the browsers that are signed in. Each has a random token; Redis stores its hash. Methods that
// cannot reach Redis fail with Unavailable, which signs nobody out.
type Sessions struct {
	manager *scs.SessionManager
	store   *store
	redis   redis.UniversalClient
	// read caches decoded sessions by their hash.
	read *lru.Cache[string, readSession]

	mu sync.Mutex
	// lives holds what ends with each session, by its hash.
	lives map[string]map[*life]struct{}
}

// NewSessions returns Sessions. Connections end with their session only while Run runs.
func NewSessions(client redis.UniversalClient, settings SessionSettings) *Sessions {
	name := cookieName
	if settings.Secure {
		name = hostPrefix + cookieName
	}
	store := &store{redis: client, prefix: settings.KeyPrefix, idle: settings.Idle}
	read, _ := lru.New[string, readSession](sessionCache) // fails only for size 0
	return &Sessions{
		read: read,
		// scs.New() is not used because it starts a goroutine for a store in memory.
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

// cookieOf returns the token in a request's cookie; empty if there is no valid one.
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

// Start signs a user in: it sets the cookie of a new session and returns its token. An earlier session of the browser
// ends. The ID token, which may be empty, is stored for the end of the session.
func (s *Sessions) Start(
	w http.ResponseWriter, r *http.Request, userID uuid.UUID, idToken string,
) (string, error) {
	ctx, err := s.manager.Load(r.Context(), s.cookieOf(r))
	if err != nil {
		return "", errUnavailable(err)
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return "", errUnavailable(err)
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
		return "", errUnavailable(err)
	}
	s.manager.WriteSessionCookie(ctx, w, token, end)
	return token, nil
}

// shortened makes a User-Agent safe to display.
func shortened(userAgent string) string {
	userAgent = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, userAgent)
	return strings.ToValidUTF8(userAgent[:min(len(userAgent), maxUserAgent)], "")
}

// Read returns the viewer of the session that has a token, or Unauthenticated. It counts as use of the session.
func (s *Sessions) Read(ctx context.Context, token string) (Viewer, error) {
	hash := hashOf(token)
	kept, found, err := s.store.find(ctx, hash)
	if err != nil {
		return Viewer{}, errUnavailable(err)
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

// readSession is a decoded session, and the hash of the bytes that it was decoded from.
type readSession struct {
	from   [sha256.Size]byte
	viewer Viewer
}

// viewerOf returns the viewer of a stored session. It decodes only sessions that have changed since they were cached,
// because decoding takes longer than reading from Redis.
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

// HasCookie reports whether a request has a session's cookie. The session may have ended.
func (s *Sessions) HasCookie(r *http.Request) bool { return s.cookieOf(r) != "" }

// End signs a browser out. It returns the ID token that the session began with; empty if there was none, or no session.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) (idToken string, err error) {
	token := s.cookieOf(r)
	if token == "" {
		return "", nil
	}
	ctx, err := s.manager.Load(r.Context(), token)
	if err != nil {
		return "", errUnavailable(err)
	}
	idToken = s.manager.GetString(ctx, keptIDToken)
	if err := s.store.DeleteCtx(ctx, token); err != nil {
		return "", errUnavailable(err)
	}
	s.manager.WriteSessionCookie(ctx, w, "", time.Time{})
	return idToken, nil
}

// Of returns a user's sessions, last used first; Forbidden for everybody else.
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
		return nil, ErrNobody()
	}
	sessions, err := s.store.list(ctx, viewer.UserID)
	if err != nil {
		return nil, errUnavailable(err)
	}
	slices.SortFunc(sessions, func(a, b *Session) int {
		return cmp.Or(b.LastSeenAt.Compare(a.LastSeenAt), strings.Compare(a.hash, b.hash))
	})
	return sessions, nil
}

// Current reports whether the viewer's request belongs to a session.
func (*Sessions) Current(ctx context.Context, session *Session) bool {
	return session.ID == FromContext(ctx).SessionID
}

// Revoke ends one of the viewer's sessions, on every server; NotFound if the viewer has no such session.
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
		return nil, errUnavailable(err)
	}
	return sessions[at], nil
}

// RevokeOthers ends all of the viewer's sessions except the one of the request, and returns them.
func (s *Sessions) RevokeOthers(ctx context.Context) ([]*Session, error) {
	sessions, err := s.own(ctx)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(sessions, func(session *Session) bool { return s.Current(ctx, session) })
	for _, session := range others {
		if err := s.store.remove(ctx, session.hash); err != nil {
			return nil, errUnavailable(err)
		}
	}
	return others, nil
}

func errEnded(cause error) error {
	return fault.From(cause, fault.Unauthenticated, "your session has ended; sign in again")
}

func errUnavailable(err error) error {
	return fault.From(err, fault.Unavailable, "sessions cannot be reached; try again soon")
}

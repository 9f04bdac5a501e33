package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// store keeps sessions for scs in Redis, single or Cluster.
//
//	session:HASH    string   the session as scs encodes it. HASH is the hash of its token, so that
//	                         nobody who reads Redis can use it. Expires when the session is idle.
//	sessions:USER   zset     the hashes of a user's sessions, by their end in milliseconds
//	session-ended   channel  the hashes of sessions, as they end
//
// The first is authoritative. The second may contain sessions that are gone, and contains every session whose token a
// client has.
type store struct {
	redis  redis.UniversalClient
	prefix string
	idle   time.Duration
}

var _ scs.CtxStore = (*store)(nil)

func (s *store) sessionKey(hash string) string    { return s.prefix + "session:" + hash }
func (s *store) indexKey(userID uuid.UUID) string { return s.prefix + "sessions:" + userID.String() }
func (s *store) endedChannel() string             { return s.prefix + "session-ended" }

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// The names of the values in a session.
const (
	keptID        = "id"
	keptUser      = "user"
	keptCreatedAt = "createdAt" // Unix seconds
	keptUserAgent = "userAgent"
	keptIDToken   = "idToken"
)

// decode decodes what scs encoded.
func decode(hash string, kept []byte) (*Session, error) {
	end, values, err := scs.GobCodec{}.Decode(kept)
	if err != nil {
		return nil, fmt.Errorf("decode a session: %w", err)
	}
	text := func(name string) string { value, _ := values[name].(string); return value }
	id, badID := uuid.Parse(text(keptID))
	userID, badUser := uuid.Parse(text(keptUser))
	if err := errors.Join(badID, badUser); err != nil {
		return nil, fmt.Errorf("decode a session: %w", err)
	}
	created, _ := values[keptCreatedAt].(int64)
	return &Session{
		ID: id, UserID: userID, CreatedAt: time.Unix(created, 0).UTC(), UserAgent: text(keptUserAgent),
		endsAt: end, hash: hash, idToken: text(keptIDToken),
	}, nil
}

// FindCtx returns the session of a token, and counts as use of the session.
func (s *store) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	return s.find(ctx, hashOf(token))
}

func (s *store) find(ctx context.Context, hash string) ([]byte, bool, error) {
	kept, err := s.redis.GetEx(ctx, s.sessionKey(hash), s.idle).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	return kept, err == nil, err
}

// CommitCtx stores a session. The index is written last: a hash without its session would look like an ended session
// and be removed. No client has the token before both are written.
func (s *store) CommitCtx(ctx context.Context, token string, kept []byte, _ time.Time) error {
	hash := hashOf(token)
	session, err := decode(hash, kept)
	if err != nil {
		return err
	}
	if err := s.redis.Set(ctx, s.sessionKey(hash), kept, s.idle).Err(); err != nil {
		return err
	}
	index := s.indexKey(session.UserID)
	end := float64(session.endsAt.UnixMicro()) / 1000 // many sessions can start in one millisecond
	_, err = s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZRemRangeByScore(ctx, index, "-inf", fmt.Sprint(time.Now().UnixMilli()))
		p.ZAdd(ctx, index, redis.Z{Score: end, Member: hash})
		// The index lives as long as its longest session. An earlier setting may have allowed longer ones.
		left := time.Until(session.endsAt) + time.Minute
		p.ExpireNX(ctx, index, left)
		p.ExpireGT(ctx, index, left)
		return nil
	})
	if err != nil {
		return err
	}
	return s.endOldest(ctx, session.UserID)
}

// endOldest ends the oldest sessions of a user who has too many.
func (s *store) endOldest(ctx context.Context, userID uuid.UUID) error {
	oldest, err := s.redis.ZRange(ctx, s.indexKey(userID), 0, -maxSessions-1).Result()
	for _, hash := range oldest {
		err = errors.Join(err, s.remove(ctx, hash), s.forget(ctx, userID, hash))
	}
	return err
}

// DeleteCtx ends a session, if there is one.
func (s *store) DeleteCtx(ctx context.Context, token string) error {
	return s.remove(ctx, hashOf(token))
}

// remove ends a session and publishes this to every server.
func (s *store) remove(ctx context.Context, hash string) error {
	kept, err := s.redis.GetDel(ctx, s.sessionKey(hash)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	session, err := decode(hash, kept)
	if err != nil {
		return nil // it was no session, and is gone
	}
	return errors.Join(
		s.redis.Publish(ctx, s.endedChannel(), hash).Err(),
		s.forget(ctx, session.UserID, hash))
}

func (s *store) forget(ctx context.Context, userID uuid.UUID, hashes ...any) error {
	if len(hashes) == 0 {
		return nil
	}
	return s.redis.ZRem(ctx, s.indexKey(userID), hashes...).Err()
}

// list returns a user's sessions, and removes ended ones from the index.
func (s *store) list(ctx context.Context, userID uuid.UUID) ([]*Session, error) {
	hashes, err := s.redis.ZRange(ctx, s.indexKey(userID), 0, -1).Result()
	if err != nil || len(hashes) == 0 {
		return nil, err
	}
	kept, left := make([]*redis.StringCmd, len(hashes)), make([]*redis.DurationCmd, len(hashes))
	_, err = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, hash := range hashes {
			kept[i], left[i] = p.Get(ctx, s.sessionKey(hash)), p.PTTL(ctx, s.sessionKey(hash))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	var sessions []*Session
	var gone []any
	now := time.Now()
	for i, hash := range hashes {
		text, err := kept[i].Bytes()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
		session, err := decode(hash, text)
		if err != nil || !session.endsAt.After(now) {
			gone = append(gone, hash)
			continue
		}
		// Every use sets the key's TTL to the same value.
		session.LastSeenAt = now.Add(min(0, left[i].Val()-s.idle)).UTC()
		sessions = append(sessions, session)
	}
	return sessions, s.forget(ctx, userID, gone...)
}

// touch counts as use of sessions, and returns those that have ended.
func (s *store) touch(ctx context.Context, hashes []string) (ended []string, err error) {
	alive := make([]*redis.BoolCmd, len(hashes))
	_, err = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, hash := range hashes {
			alive[i] = p.PExpire(ctx, s.sessionKey(hash), s.idle)
		}
		return nil
	})
	for i, hash := range hashes {
		if alive[i].Err() == nil && !alive[i].Val() {
			ended = append(ended, hash)
		}
	}
	return ended, err
}

// scs requires these methods of every store, but calls the ones above.

func (s *store) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s *store) Commit(token string, kept []byte, end time.Time) error {
	return s.CommitCtx(context.Background(), token, kept, end)
}

func (s *store) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

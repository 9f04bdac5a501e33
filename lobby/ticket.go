package lobby

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"foyer/internal/fault"
)

// ticket is the secret that proves "this entry is mine". It names the entry, its room and the account of its holder,
// and is signed. It is not stored.
type ticket struct {
	RoomID, EntryID uuid.UUID
	// UserID is zero for a person without an account.
	UserID    uuid.UUID
	ExpiresAt time.Time
}

const (
	ticketBody = 3*16 + 8
	ticketSize = ticketBody + sha256.Size
)

// tickets signs and reads tickets: base64url of the three ids, the expiry (Unix seconds, big endian) and an HMAC-SHA256
// of all that.
type tickets struct {
	key []byte
	ttl time.Duration
}

func newTickets(secret string, ttl time.Duration) (tickets, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "foyer ticket", sha256.Size)
	if err != nil {
		return tickets{}, fmt.Errorf("derive ticket key: %w", err)
	}
	return tickets{key, ttl}, nil
}

func (s tickets) issue(roomID, entryID, userID uuid.UUID) string {
	b := make([]byte, 0, ticketSize)
	b = append(b, roomID[:]...)
	b = append(b, entryID[:]...)
	b = append(b, userID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(time.Now().Add(s.ttl).Unix()))
	return base64.RawURLEncoding.EncodeToString(s.sum(b, b))
}

// read returns a ticket that Foyer signed and that has not expired. The Invalid error does not say what is wrong.
func (s tickets) read(text string) (ticket, error) {
	bad := fault.Field("ticket", "this ticket is not valid or has expired; ask to enter again")
	if len(text) != base64.RawURLEncoding.EncodedLen(ticketSize) {
		return ticket{}, bad
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || !hmac.Equal(s.sum(nil, b[:ticketBody]), b[ticketBody:]) {
		return ticket{}, bad
	}
	t := ticket{
		RoomID: uuid.UUID(b[:16]), EntryID: uuid.UUID(b[16:32]), UserID: uuid.UUID(b[32:48]),
		ExpiresAt: time.Unix(int64(binary.BigEndian.Uint64(b[48:ticketBody])), 0),
	}
	if time.Now().After(t.ExpiresAt) {
		return ticket{}, bad
	}
	return t, nil
}

func (s tickets) sum(dst, body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(body)
	return mac.Sum(dst)
}

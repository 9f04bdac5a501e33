package rtc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"
)

// Check asks LiveKit something that any right key may ask. Unauthenticated when it does not know the
// key, or the secret or the clock is another.
func (c *Client) Check(ctx context.Context) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.ListRooms(ctx, &livekit.ListRoomsRequest{Names: []string{uuid.NewString()}})
	return err
}

// CheckWebhook sends an event of no meaning to the address where LiveKit's webhook arrives, signed as
// LiveKit does. It is taken where a Foyer with the same key and secret listens.
func (c *Client) CheckWebhook(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := protojson.Marshal(&livekit.WebhookEvent{
		Event: "foyer_check", Id: uuid.NewString(), CreatedAt: time.Now().Unix(),
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	signature, err := auth.NewAccessToken(c.settings.APIKey, c.settings.APISecret).
		SetValidFor(callTimeout).SetSha256(base64.StdEncoding.EncodeToString(sum[:])).ToJWT()
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", signature)
	request.Header.Set("Content-Type", "application/webhook+json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}

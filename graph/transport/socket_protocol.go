package transport

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"

	"github.com/gorilla/websocket"
)

// Protocol is the sub-protocol that sockets speak: github.com/enisdenjo/graphql-ws, PROTOCOL.md.
const Protocol = "graphql-transport-ws"

// message is one of the protocol's.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// closing is why a socket ends: the code and reason of its close frame.
type closing struct {
	code   int
	reason string
}

func (c closing) Error() string { return c.reason }

// The codes of graphql-transport-ws. What clients do with them: after 4403 graphql-ws asks for new credentials and
// reconnects, more slowly each time; after 4400, 4401, 4409 and 4429 it never reconnects.
var (
	closeBadRequest   = closing{4400, "Invalid message"}
	closeUnauthorized = closing{4401, "Unauthorized"}
	closeForbidden    = closing{4403, "Forbidden"}
	closeInitTimeout  = closing{4408, "Connection initialisation timeout"}
	closeTooManyInits = closing{4429, "Too many initialisation requests"}
	closeSlow         = closing{4008, "You do not read"}
	closeTooLarge     = closing{websocket.CloseMessageTooBig, "Message too large"}
	closeRestart      = closing{websocket.CloseServiceRestart, "Service Restart"}
	// closeInternal is not 1011, after which graphql-ws never reconnects.
	closeInternal = closing{websocket.CloseTryAgainLater, "Internal error"}
	closeAway     = closing{websocket.CloseTryAgainLater, "Try again later"}
	// closeNoPong is never sent: the client is not there to receive it.
	closeNoPong     = closing{websocket.CloseNoStatusReceived, "No pong"}
	errDisconnected = errors.New("the client has disconnected")
)

// closeDuplicate is the end of a socket whose client uses an id twice. A close frame has no room for a long id.
func closeDuplicate(id string) closing {
	short := strings.ToValidUTF8(id[:min(len(id), 64)], "")
	return closing{4409, "Subscriber for " + short + " already exists"}
}

// maxID is how many bytes an id may have: a socket keeps it as long as the operation lasts. Clients use UUIDs.
const maxID = 128

func isID(id string) bool { return id != "" && len(id) <= maxID }

// isObject reports whether a payload is an object, or missing.
func isObject(payload json.RawMessage) bool {
	text := strings.TrimLeft(string(payload[:min(len(payload), 16)]), " \t\r\n")
	return text == "" || text[0] == '{' || strings.HasPrefix(text, "null")
}

// textFrame appends the frame of a message. A server's frames are not masked, so it is the message after its length.
func textFrame(frames []byte, m message) []byte {
	text := make([]byte, 0, len(m.ID)+len(m.Payload)+64)
	text = append(text, '{')
	if m.ID != "" {
		id, _ := json.Marshal(m.ID) // never fails for a string
		text = append(append(append(text, `"id":`...), id...), ',')
	}
	text = append(append(append(text, `"type":"`...), m.Type...), '"')
	if len(m.Payload) > 0 {
		text = append(append(text, `,"payload":`...), m.Payload...)
	}
	text = append(text, '}')
	return append(frameHead(frames, websocket.TextMessage, len(text)), text...)
}

// frameHead appends the head of a frame that is a whole message (RFC 6455, 5.2).
func frameHead(frames []byte, kind byte, length int) []byte {
	const final, short, long = 0x80, 126, 127
	switch frames = append(frames, final|kind); {
	case length < short:
		return append(frames, byte(length))
	case length <= 0xffff:
		return binary.BigEndian.AppendUint16(append(frames, short), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(frames, long), uint64(length))
	}
}

func closeFrame(c closing) []byte {
	payload := websocket.FormatCloseMessage(c.code, c.reason)
	return append(frameHead(nil, websocket.CloseMessage, len(payload)), payload...)
}

// pingFrame is a ping without a payload. The pong to it has pongLength bytes: nothing but its head and mask.
var pingFrame = frameHead(nil, websocket.PingMessage, 0)

const pongLength = 6

// onlyPongs reports whether bytes are pongs to pingFrame, and nothing else. Ten thousand idle sockets receive hundreds
// of them a second; the poller handles them without a reader.
func onlyPongs(read []byte) bool {
	const final, masked = 0x80, 0x80
	for ; len(read) >= pongLength; read = read[pongLength:] {
		if read[0] != final|websocket.PongMessage || read[1] != masked {
			return false
		}
	}
	return len(read) == 0
}

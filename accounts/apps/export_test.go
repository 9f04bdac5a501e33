package apps

import "sync/atomic"

// CountHashes counts each hash of a secret from now on.
func (t *Tokens) CountHashes() *atomic.Int32 {
	var n atomic.Int32
	hash := t.hash
	t.hash = func(clientID, secret string) []byte {
		n.Add(1)
		return hash(clientID, secret)
	}
	return &n
}

package live

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// unpackEntries reads the entries that the script list packs, and how many they are. One allocation makes all of them,
// and they share the text. It leaves out damaged entries, and calls damaged with the reason.
func unpackEntries(
	roomID uuid.UUID, count, packed any, damaged func(error),
) ([]*Entry, error) {
	n, _ := count.(int64)
	text, ok := packed.(string)
	if !ok || n < 0 || n > int64(len(text)) {
		return nil, fmt.Errorf("entries: unexpected reply %T, %T", count, packed)
	}
	made, entries := make([]Entry, n), make([]*Entry, 0, n)
	var values [entryFields]string
	for i := range made {
		e := &made[i]
		entry, after, err := cutPacked(text)
		if err != nil {
			return nil, err
		}
		text = after
		if err = splitPacked(entry, &values); err == nil {
			err = e.parse(roomID, &values)
		}
		switch {
		case err != nil:
			damaged(err)
		case e.Status != Gone:
			entries = append(entries, e)
		}
	}
	if text != "" {
		return nil, errors.New("entries: more of them than their count")
	}
	return entries, nil
}

// cutPacked returns the first packed entry of a text, and the text after it.
func cutPacked(packed string) (entry, after string, err error) {
	size, text, _ := strings.Cut(packed, "\n")
	n, err := strconv.Atoi(size)
	if err != nil || n < 0 || n > len(text) {
		return "", "", errors.New("entry: a packed entry has no valid size")
	}
	return text[:n], text[n:], nil
}

// splitPacked reads the values of a packed entry.
func splitPacked(entry string, values *[entryFields]string) error {
	var found bool
	for _, at := range packedOrder[:entryFields-1] {
		if values[at], entry, found = strings.Cut(entry, "\n"); !found {
			return errors.New("entry: a packed entry lacks values")
		}
	}
	values[packedOrder[entryFields-1]] = entry
	return nil
}

// packedOrder says which value of what the script function read returns each value of a packed entry is: the name is
// last.
var packedOrder = [entryFields]int{0, 2, 3, 4, 5, 6, 7, 8, 1}

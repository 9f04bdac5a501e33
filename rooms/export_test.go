package rooms

// What tests of the pure rules call.
var (
	ChosenSlug = chosenSlug
	RandomSlug = randomSlug
)

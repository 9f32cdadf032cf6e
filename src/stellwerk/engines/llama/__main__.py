from stellwerk.engines.host import main
from stellwerk.engines.llama.server import load

main(load)

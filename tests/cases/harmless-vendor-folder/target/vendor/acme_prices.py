PRICES = {"tea": 450}
